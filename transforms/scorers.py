"""What results of each kind are scored by, and how a block of rows is scored."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.embedding import Embedded
from schemas.errors import RowError
from storage.evaluation.references import Kind
from storage.evaluation.settings import EvaluationSettings
from transforms.encode_pairs import Found, PairEncoder, vectors_of
from transforms.metrics.answers import ANSWER_METRICS, ANSWER_ROW_SCORES, score_answers
from transforms.metrics.captions import CAPTION_METRICS, CAPTION_ROW_SCORES, CaptionScorer
from transforms.metrics.clip_score import (
    CLIP_METRICS,
    REF_CLIP_METRICS,
    clip_scores,
    mean_statistics,
    ref_clip_scores,
)
from transforms.metrics.code_use import CODE_METRICS, CODE_ROW_SCORES, CodeUse, distinct_codes
from transforms.metrics.combine import Mergeable
from transforms.metrics.document_frequencies import DocumentFrequencies
from transforms.metrics.likeness import LIKENESS_METRICS, LIKENESS_ROW_SCORES, score_likeness
from transforms.metrics.metric import Metric
from transforms.metrics.picture_sets import SET_METRICS, PictureSets, VectorSet
from transforms.metrics.ptb_tokenizer import tokenize
from transforms.metrics.retrieval import (
    RETRIEVAL_METRICS,
    RETRIEVAL_ROW_SCORES,
    score_retrieval,
)

Floats = NDArray[np.float64]

TEXTS_CUT = "texts_cut"
"""Name of the note of how many rows had a text that the encoder read the beginning of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What is told of the rows of a split beside their scores: how many rows, by what."""

    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """The scores of a block of rows.

    Attributes:
        scores: of each row, shape (rows, scores), NaN where a row has none.
        statistics: of the metrics, shape (rows, statistics).
        notes: how many rows, by what is told of them.

    """

    scores: Floats
    statistics: Floats
    notes: Counter[str] = field(default_factory=Counter)


class Scorer(ABC):
    """Scores rows of one kind, block by block.

    Attributes:
        metrics: what the statistics are of, one metric's after the other's.
        row_scores: names of the rows' scores.
        wholes: names of what is made of all rows together.

    """

    metrics: Sequence[Metric]
    row_scores: Sequence[str]
    wholes: ClassVar[Sequence[str]] = ()

    @abstractmethod
    def score(self, table: pa.Table) -> Scored:
        """Score a block of matched rows."""

    def whole(self) -> Mergeable | None:
        """What the blocks since the last call add to what is made of all rows; None for nothing."""
        return None


class _Answers(Scorer):
    metrics = ANSWER_METRICS
    row_scores = ANSWER_ROW_SCORES

    def score(self, table: pa.Table) -> Scored:
        scores, statistics = score_answers(_lists(table, "text"), _lists(table, "references"))
        return Scored(scores=scores, statistics=statistics)


class _Captions(Scorer):
    """Captions, by n-grams and, with an encoder, by vectors of pictures and texts."""

    def __init__(
        self, frequencies: DocumentFrequencies | None, encoder: PairEncoder | None, *, encoded: bool
    ) -> None:
        self._scorer = None if frequencies is None else CaptionScorer(frequencies)
        self._encoder = encoder
        self.metrics = (*CAPTION_METRICS, *(REF_CLIP_METRICS if encoded else ()))
        names = ("clip_score", "ref_clip_score") if encoded else ()
        self.row_scores = (*CAPTION_ROW_SCORES, *names)

    def score(self, table: pa.Table) -> Scored:
        assert self._scorer is not None
        texts, references = _lists(table, "text"), _lists(table, "references")
        tokenized = [list(map(tokenize, some)) for some in references]
        scores, statistics = self._scorer.score(list(map(tokenize, texts)), tokenized)
        if self._encoder is None:
            return Scored(scores=scores, statistics=statistics)
        pictures = self._encoder.pictures(_lists(table, "uri"))
        encoded = self._encoder.texts([*texts, *(text for some in references for text in some)])
        shown, captions, *of_references = _equally_wide(
            vectors_of(pictures),
            vectors_of([encoded.get(text) for text in texts]),
            *(vectors_of([encoded.get(text) for text in some]) for some in references),
        )
        of_captions = clip_scores(shown, captions)
        found = np.column_stack(
            [of_captions, ref_clip_scores(of_captions, captions, of_references)]
        )
        notes = _notes(pictures, [encoded.get(text) for text in texts])
        notes[TEXTS_CUT] = sum(
            any(_is_cut(encoded.get(one)) for one in (text, *some))
            for text, some in zip(texts, references, strict=True)
        )
        return Scored(
            scores=np.column_stack([scores, found]),
            statistics=np.column_stack([statistics, mean_statistics(found)]),
            notes=notes,
        )


class _Generations(Scorer):
    """Pictures as a set, and each with its prompt; vectors are there, or are made of pictures."""

    wholes = SET_METRICS

    def __init__(self, encoder: PairEncoder | None, *, encoded: bool, with_set: bool) -> None:
        self._encoder = encoder
        self._with_set = with_set
        self._gathered: list[tuple[NDArray[np.float32], NDArray[np.uint64]]] = []
        self.metrics = CLIP_METRICS if encoded else ()
        self.row_scores = ("clip_score",) if encoded else ()

    def score(self, table: pa.Table) -> Scored:
        vectors, pictures = self._vectors(table)
        known = ~np.isnan(vectors).any(axis=1)
        if self._with_set and known.any():
            self._gathered.append((vectors[known], table["identity"].to_numpy()[known]))
        if self._encoder is None:
            nothing = np.empty((len(table), 0))
            return Scored(scores=nothing, statistics=nothing, notes=_notes(pictures, []))
        texts = _lists(table, "text")
        encoded = self._encoder.texts(texts)
        prompts = [encoded.get(text) for text in texts]
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        scores = clip_scores(*_equally_wide(units, vectors_of(prompts)))[:, None]
        # A picture of which nothing was asked shows it neither well nor badly.
        scores[[not text.strip() for text in texts]] = np.nan
        notes = _notes(pictures, prompts)
        notes[TEXTS_CUT] = sum(map(_is_cut, prompts))
        return Scored(scores=scores, statistics=mean_statistics(scores), notes=notes)

    def whole(self) -> Mergeable | None:
        gathered, self._gathered = self._gathered, []
        if not gathered:
            return None
        vectors = np.concatenate([some for some, _ in gathered])
        keys = np.concatenate([some for _, some in gathered])
        return PictureSets(generated=VectorSet.of(vectors, keys))

    def _vectors(self, table: pa.Table) -> tuple[NDArray[np.float32], list[Found]]:
        """Vectors, NaN where a picture has none, and what became of the pictures."""
        column: Any = table["vector"].combine_chunks()
        if not column.null_count:
            # The rows were checked: all are of one length.
            flat: NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=False)
            return flat.reshape(len(table), -1), []
        assert self._encoder is not None
        pictures = self._encoder.pictures(_lists(table, "uri"))
        return vectors_of(pictures), pictures


class _Neighbors(Scorer):
    metrics = RETRIEVAL_METRICS
    row_scores = RETRIEVAL_ROW_SCORES

    def score(self, table: pa.Table) -> Scored:
        scores, statistics = score_retrieval(
            _lists(table, "neighbor_ids"), _lists(table, "references")
        )
        return Scored(scores=scores, statistics=statistics)


class _Reconstructions(Scorer):
    metrics = LIKENESS_METRICS
    row_scores = LIKENESS_ROW_SCORES

    def score(self, table: pa.Table) -> Scored:
        scores, statistics = score_likeness(_lists(table, "psnr"), _lists(table, "ssim"))
        return Scored(scores=scores, statistics=statistics)


class _Tokens(Scorer):
    metrics = ()
    row_scores = CODE_ROW_SCORES
    wholes = CODE_METRICS

    def __init__(self) -> None:
        self._gathered: list[CodeUse] = []

    def score(self, table: pa.Table) -> Scored:
        column: Any = table["codes"].combine_chunks()
        codes = [one.values.to_numpy() for one in column]
        self._gathered.append(CodeUse.of(codes, table["identity"].to_numpy()))
        return Scored(scores=distinct_codes(codes), statistics=np.empty((len(table), 0)))

    def whole(self) -> Mergeable | None:
        gathered, self._gathered = self._gathered, []
        return CodeUse.merge(gathered) if gathered else None


def make_scorer(
    evaluation: EvaluationSettings,
    frequencies: DocumentFrequencies | None = None,
    encoder: PairEncoder | None = None,
) -> Scorer:
    """The scorer of an evaluation's rows; without what it needs, it only tells its metrics.

    Args:
        frequencies: of n-grams in the references of all rows, for captions.
        encoder: of pictures and texts, where one is asked for.

    """
    encoded = evaluation.encoded
    if evaluation.kind == "captions":
        return _Captions(frequencies, encoder, encoded=encoded)
    if evaluation.kind == "generations":
        with_set = evaluation.reference_set is not None
        return _Generations(encoder, encoded=encoded, with_set=with_set)
    return _PLAIN[evaluation.kind]()


_PLAIN: Mapping[Kind, type[Scorer]] = {
    "answers": _Answers,
    "neighbors": _Neighbors,
    "reconstructions": _Reconstructions,
    "tokens": _Tokens,
}


def _lists(table: pa.Table, name: str) -> list[Any]:
    values: list[Any] = table[name].to_pylist()
    return values


def _equally_wide(*some: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Vectors of one length: where none of some is known, how long they are is told by others.

    There all of a row is zero, or not a number.
    """
    width = max(vectors.shape[1] for vectors in some)
    return [
        vectors if vectors.shape[1] == width else np.repeat(vectors[:, :1], width, axis=1)
        for vectors in some
    ]


def _notes(pictures: Sequence[Found], texts: Sequence[Found | None]) -> Counter[str]:
    """Why rows have no score by vectors: the kinds of failure, one a row."""
    kinds: Counter[str] = Counter()
    for place in range(max(len(pictures), len(texts))):
        some = (*pictures[place : place + 1], *texts[place : place + 1])
        problem = next((one for one in some if isinstance(one, RowError)), None)
        if problem is not None:
            kinds[problem.kind.value] += 1
    return kinds


def _is_cut(found: Found | None) -> bool:
    return isinstance(found, Embedded) and found.text_cut
