"""What a document is written of, in order: texts that are to be tokenized, and all else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from models.document_vocabulary import DocumentVocabulary, EncodedText
from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.lookup.pictures import CodedPicture
from transforms.documents.segment import Segment
from transforms.documents.template import Field, Item, Layout, Mark, Picture, Words

_NONE = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whose texts a document shows."""

    asset_id: str
    license: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A document within a document: a retrieved one, or the main one.

    Attributes:
        texts: by column.
        pictures: by field.
        weight: in the loss, of what is to be learnt of it.

    """

    items: tuple[Item, ...]
    texts: Mapping[str, str]
    pictures: Mapping[str, CodedPicture]
    origin: Origin
    retrieved: bool
    weight: float


@dataclass(slots=True, kw_only=True, eq=False)
class Run:
    """Text that no mark takes apart.

    Attributes:
        pieces: what each part of it is of: segments that have a text, and no tokens yet.

    """

    pieces: list[Segment] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(piece.whole for piece in self.pieces)

    def tokenized(self, encoded: EncodedText) -> Iterator[Segment]:
        """The pieces with their tokens; each token is of the piece that its last character is in.

        White space belongs to the token before it.
        """
        whole = self.text
        # A piece that is all white space, or has joined its neighbour in one token, has none.
        cuts = [0, *encoded.starts[1:], len(whole)]
        at = end = 0
        for piece in self.pieces:
            end += len(piece.whole)
            stop = at
            while stop < len(encoded.ends) and encoded.ends[stop] <= end:
                stop += 1
            if stop > at:
                piece.tokens = encoded.tokens[at:stop]
                piece.cuts = cuts[at : stop + 1]
                piece.whole = whole
                yield piece
            at = stop


Part = Run | Segment


class PartMaker:
    """Makes parts of documents in a vocabulary."""

    def __init__(self, vocabulary: DocumentVocabulary) -> None:
        self._vocabulary = vocabulary

    def parts(self, shown: Shown, layout: Layout) -> list[Part]:
        """The parts of a document.

        Raises:
            RowError: its pictures are not of the model's tokenizer.

        """
        parts: list[Part] = []
        for item in shown.items:
            if isinstance(item, Words | Field):
                if not parts or not isinstance(parts[-1], Run):
                    parts.append(Run())
                run = parts[-1]
                assert isinstance(run, Run)
                run.pieces.append(_piece(item, shown, layout))
            elif isinstance(item, Mark):
                parts.append(self._named_mark(item, shown, layout))
            else:
                parts += self._picture(item, shown, layout)
        for run in parts:
            if isinstance(run, Run):
                run.pieces[0].whole = run.pieces[0].whole.lstrip()
                run.pieces[-1].whole = run.pieces[-1].whole.rstrip()
        return [part for part in parts if not isinstance(part, Run) or part.text]

    def mark(self, token: int, weight: float, *, retrieved: bool = False) -> Segment:
        """A token that begins, parts or ends what is said and shown."""
        return Segment(
            kind="mark",
            tokens=np.array([token], np.int32),
            weight=weight,
            retrieved=retrieved,
            whole=self._vocabulary.token_text(token),
        )

    def _named_mark(self, item: Mark, shown: Shown, layout: Layout) -> Segment:
        if item.name == "mask":
            # In the place of what is not said: nothing is to be learnt of it.
            return self.mark(self._vocabulary.masks[0], 0.0, retrieved=shown.retrieved)
        assert self._vocabulary.separator is not None
        weight = _weight(shown, layout, "")
        return self.mark(self._vocabulary.separator, weight, retrieved=shown.retrieved)

    def _picture(self, item: Picture, shown: Shown, layout: Layout) -> Iterator[Segment]:
        picture, vocabulary = shown.pictures[item.field], self._vocabulary
        codes = picture.codes
        if len(codes) != vocabulary.picture_size or codes.max(initial=0) >= len(vocabulary.codes):
            raise RowError(
                FailureKind.INVALID_ROW,
                f"The {len(codes)} codes of the picture {picture.asset_id} are not those of the "
                f"model's tokenizer, which makes {vocabulary.picture_size} out of "
                f"{len(vocabulary.codes)}. Tokenize with this model, "
                "then run with --only-failed.",
            )
        weight = _weight(shown, layout, item.field)
        yield self.mark(vocabulary.picture_begin, weight, retrieved=shown.retrieved)
        yield Segment(
            kind="image",
            tokens=vocabulary.codes[codes],
            weight=weight,
            asset_id=picture.asset_id,
            license=picture.license,
            source=picture.source,
            uri=picture.uri,
            field=item.field,
            retrieved=shown.retrieved,
        )
        yield self.mark(vocabulary.picture_end, weight, retrieved=shown.retrieved)


def _piece(item: Words | Field, shown: Shown, layout: Layout) -> Segment:
    if isinstance(item, Words):
        return Segment(
            kind="text",
            tokens=_NONE,
            whole=item.text,
            weight=_weight(shown, layout, ""),
            retrieved=shown.retrieved,
        )
    return Segment(
        kind="text",
        tokens=_NONE,
        whole=shown.texts[item.column],
        weight=_weight(shown, layout, item.column),
        field=item.column,
        asset_id=shown.origin.asset_id,
        license=shown.origin.license,
        source=shown.origin.source,
        retrieved=shown.retrieved,
    )


def _weight(shown: Shown, layout: Layout, name: str) -> float:
    """What the tokens of a field are worth in the loss; those without a name are a prompt's."""
    if not shown.retrieved and layout.learn and name not in layout.learn:
        return shown.weight * layout.prompt_weight
    return shown.weight
