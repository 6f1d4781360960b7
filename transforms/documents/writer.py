"""The second half of writing documents: their tokens, what is cut out, and what each is worth."""

from collections.abc import Iterator, Sequence

from models.document_vocabulary import DocumentVocabulary, EncodedText
from schemas.errors import RowError, UsageError
from schemas.failure import FailureKind
from transforms.documents.masking import (
    Sentinels,
    Span,
    cut_out,
    draw_span_count,
    draw_spans,
    spans_of_fields,
)
from transforms.documents.material import Draft, Written
from transforms.documents.parts import Part, PartMaker, Run, Shown
from transforms.documents.segment import Segment, token_count
from transforms.documents.settings import DocumentSettings
from transforms.documents.shown import Pictures, main_document, retrieved_documents
from transforms.documents.template import Mark


class DocumentWriter:
    """Writes documents in the vocabulary of a model.

    A document begins with what the tokenizer puts before every text. Retrieved documents come
    first, each with its end; then the main one, and, where spans were cut out, these; then its end.

    Raises:
        UsageError: the template needs what the vocabulary lacks, or the context is too long.

    """

    def __init__(self, vocabulary: DocumentVocabulary, settings: DocumentSettings) -> None:
        check_vocabulary(vocabulary, settings)
        self._vocabulary = vocabulary
        self._settings = settings
        self._maker = PartMaker(vocabulary)
        self._sentinels: Sentinels | None = None
        if vocabulary.infill is not None:
            self._sentinels = Sentinels(
                masks=tuple((mask, vocabulary.token_text(mask)) for mask in vocabulary.masks),
                infill=(vocabulary.infill, vocabulary.token_text(vocabulary.infill)),
            )

    def write(
        self, drafts: Sequence[Draft], pictures: Pictures, neighbors: Sequence[Sequence[str]]
    ) -> list[Written | RowError]:
        """Write documents.

        Args:
            pictures: all that the drafts want and all neighbours, as far as there are codes.
            neighbors: of each draft, the ids of its neighbours, the best first.

        """
        begun: list[list[tuple[Shown, list[Part]]] | RowError] = []
        passed_over = []
        for draft, near in zip(drafts, neighbors, strict=True):
            passed = 0
            try:
                main = main_document(draft, pictures)
                retrieved, passed = retrieved_documents(
                    draft, pictures, near, self._settings.retrieved_weight
                )
                begun.append(
                    [
                        (shown, self._maker.parts(shown, draft.layout))
                        for shown in (*retrieved, main)
                    ]
                )
            except RowError as error:
                begun.append(error)
            passed_over.append(passed)
        runs = [
            part.text
            for documents in begun
            if not isinstance(documents, RowError)
            for _, parts in documents
            for part in parts
            if isinstance(part, Run)
        ]
        encoded = iter(self._vocabulary.encode(runs))
        written: list[Written | RowError] = []
        for draft, documents, passed in zip(drafts, begun, passed_over, strict=True):
            if isinstance(documents, RowError):
                written.append(documents)
                continue
            # Before anything of it can fail, for the encoded texts are taken in their order.
            whole = [(shown, list(_tokenized(parts, encoded))) for shown, parts in documents]
            try:
                written.append(self._finished(draft, whole, passed))
            except RowError as error:
                written.append(error)
        return written

    def _finished(
        self, draft: Draft, documents: list[tuple[Shown, list[Segment]]], passed_over: int
    ) -> Written:
        """Fit a document to the context, cut spans out of it, and give it its end."""
        self._check_texts(documents)
        count = self._span_count(draft)
        dropped = self._dropped([token_count(segments) for _, segments in documents], count)
        documents = documents[dropped:]
        segments = [self._maker.mark(token, 0.0) for token in self._vocabulary.begin.tolist()]
        for shown, some in documents:
            segments += some
            if shown.retrieved:
                segments.append(self._end(shown.weight, retrieved=True))
        segments = _without_first(segments)
        spans: list[Span] = []
        if draft.layout.mask == "cm3":
            spans = draw_spans(segments, count, draft.random)
        elif draft.layout.mask == "fields":
            spans = spans_of_fields(segments, draft.layout.learn, count)
        if spans:
            assert self._sentinels is not None
            segments = cut_out(segments, spans, self._sentinels)
        segments.append(self._end(1.0))
        template = self._settings.template
        hashes = {one.tokenizer_hash for shown, _ in documents for one in shown.pictures.values()}
        return Written(
            task=template.task,
            template=f"{template.name}/{draft.layout_number}",
            segments=segments,
            retrieved_ids=tuple(shown.origin.asset_id for shown, _ in documents[:-1]),
            choices=_choices(draft, documents, spans, dropped, passed_over),
            tokenizer_hash=hashes.pop() if len(hashes) == 1 else "",
        )

    def _span_count(self, draft: Draft) -> int:
        """Spans that are to be cut out, at most."""
        if draft.layout.mask == "none":
            return 0
        assert self._sentinels is not None
        if draft.layout.mask == "fields":
            return min(len(draft.layout.learn), self._sentinels.most)
        return draw_span_count(draft.random, self._sentinels.most)

    def _dropped(self, lengths: list[int], spans: int) -> int:
        """How many retrieved documents have to go, the least alike first.

        Raises:
            RowError: the main document alone is longer than the context.

        """
        # Each span has two sentinels, and before all of them stands another.
        beside = len(self._vocabulary.begin) + (2 * spans + 1 if spans else 0)
        for dropped in range(len(lengths)):
            total = sum(lengths[dropped:]) + len(lengths[dropped:]) + beside
            if total <= self._settings.context:
                return dropped
        raise RowError(
            FailureKind.PROMPT_TOO_LONG,
            f"The document has {total} tokens, and the context holds {self._settings.context}. "
            "Nothing is cut off: shorten its texts and run again, or assemble into another folder "
            "with a larger --context, as far as the model allows.",
        )

    def _end(self, weight: float, *, retrieved: bool = False) -> Segment:
        return self._maker.mark(self._vocabulary.end, weight, retrieved=retrieved)

    def _check_texts(self, documents: Sequence[tuple[Shown, list[Segment]]]) -> None:
        for _, segments in documents:
            for segment in segments:
                if segment.kind == "text" and self._vocabulary.holds_reserved(segment.tokens):
                    raise RowError(
                        FailureKind.INVALID_ROW,
                        f"The text of {segment.asset_id or 'the template'} holds what the "
                        "vocabulary has for pictures or ends of documents: "
                        f"{segment.text[:50]!r}. Take it out, and run again.",
                    )


def check_vocabulary(vocabulary: DocumentVocabulary, settings: DocumentSettings) -> None:
    """Check that documents can be written as asked.

    Raises:
        UsageError: the template needs what the vocabulary lacks, or the context is too long.

    """
    layouts = settings.template.layouts
    marks = {
        item.name
        for layout in layouts
        for item in (*layout.items, *layout.retrieved)
        if isinstance(item, Mark)
    }
    name = settings.template.name
    if vocabulary.infill is None and any(layout.mask != "none" for layout in layouts):
        raise UsageError(
            f"The template {name} has spans cut out, and the model's vocabulary has no sentinels "
            'for them (<mask:0> and <infill>). Write mask = "none" in its layouts, or name a model '
            "that was made for infilling, such as calumma-tiny."
        )
    if "mask" in marks and not vocabulary.masks:
        raise UsageError(f"The template {name} writes <mask>, which the model's vocabulary lacks.")
    if "sep" in marks and vocabulary.separator is None:
        raise UsageError(f"The template {name} writes <sep>, which the model's vocabulary lacks.")
    if settings.context > vocabulary.context:
        raise UsageError(
            f"--context {settings.context} is more than the {vocabulary.context} tokens that the "
            "model reads."
        )


def _tokenized(parts: Sequence[Part], encoded: Iterator[EncodedText]) -> Iterator[Segment]:
    for part in parts:
        if isinstance(part, Run):
            yield from part.tokenized(next(encoded))
        else:
            yield part


def _without_first(segments: list[Segment]) -> list[Segment]:
    """The same with no loss on the first token: nothing stands before it to tell it from."""
    first = segments[0]
    alone = first.part(0, 1)
    alone.weight = 0.0
    rest = first.part(1, len(first.tokens))
    return [alone, *([rest] if len(rest.tokens) else []), *segments[1:]]


def _choices(
    draft: Draft,
    documents: Sequence[tuple[Shown, list[Segment]]],
    spans: Sequence[Span],
    dropped: int,
    passed_over: int,
) -> dict[str, object]:
    drawn = {name: value.drawn for name, value in draft.texts.items() if value.drawn is not None}
    return {
        "seed": draft.row.seed,
        "retrieved_at_most": draft.count,
        "retrieved": len(documents) - 1,
        "retrieved_left_out_for_length": dropped,
        "retrieved_passed_over": passed_over,
        "drawn_texts": drawn,
        "spans": [list(span) for span in spans],
    }
