"""Statistics of metrics that are no means over rows, counted anew from texts and references."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.evaluation.pairs import PairedRows, Side
from transforms.metrics.answers import ANSWER_METRICS, score_answers
from transforms.metrics.captions import CAPTION_METRICS, CAPTION_ROW_SCORES, CaptionScorer
from transforms.metrics.document_frequencies import DocumentFrequencies
from transforms.metrics.metric import Metric
from transforms.metrics.ngrams import NgramCounter
from transforms.metrics.ptb_tokenizer import tokenize

_WEIGHED = ("cider_d", "cider")
_METRICS: Mapping[str, tuple[Metric, ...]] = {
    "captions": CAPTION_METRICS,
    "answers": ANSWER_METRICS,
}

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was counted of some rows of one model.

    Attributes:
        statistics: of :func:`corpus_metrics`, shape (rows, statistics).
        scores: rows' scores that stand in the place of the evaluation's, by metric.

    """

    statistics: Floats
    scores: Mapping[str, Floats]


def is_mean(metric: Metric) -> bool:
    """Whether a metric is the mean of a row's score."""
    return metric.statistics == ("rows", *metric.names)


def corpus_metrics(kind: str) -> tuple[Metric, ...]:
    """The metrics of a kind of results that are no means over rows, as BLEU."""
    return tuple(metric for metric in _METRICS.get(kind, ()) if not is_mean(metric))


class CorpusCounter:
    """Counts statistics of pairs of rows.

    Args:
        kind: ``captions`` or ``answers``; of others there is nothing to count.
        frequencies: of the n-grams in the references of all pairs, where CIDEr is to be computed
            anew.

    """

    def __init__(self, kind: str, frequencies: DocumentFrequencies | None) -> None:
        self._kind = kind
        self._weighs = frequencies is not None
        self._scorer = CaptionScorer(frequencies or DocumentFrequencies.empty())
        self._columns = _corpus_columns(kind)

    def count(self, rows: PairedRows) -> tuple[Counted, Counted]:
        """Count those of A and of B."""
        if self._kind == "captions":
            references = [list(map(tokenize, some)) for some in rows.references]
            return self._captions(rows.a, references), self._captions(rows.b, references)
        return self._others(rows.a, rows), self._others(rows.b, rows)

    def _captions(self, side: Side, references: list[list[str]]) -> Counted:
        scores, statistics = self._scorer.score(list(map(tokenize, side.texts)), references)
        weighed = _WEIGHED if self._weighs else ()
        return Counted(
            statistics=statistics[:, self._columns],
            scores={name: scores[:, CAPTION_ROW_SCORES.index(name)] for name in weighed},
        )

    def _others(self, side: Side, rows: PairedRows) -> Counted:
        if self._kind != "answers":
            return Counted(statistics=np.empty((len(side.texts), 0)), scores={})
        _, statistics = score_answers(side.texts, rows.references)
        return Counted(statistics=statistics[:, self._columns], scores={})


def count_documents(pairs: Iterable[PairedRows]) -> DocumentFrequencies:
    """In how many pairs' references each n-gram is."""
    counter = NgramCounter()
    merged = DocumentFrequencies.empty()
    some: list[DocumentFrequencies] = []
    for rows in pairs:
        references = [list(map(tokenize, texts)) for texts in rows.references]
        some.append(DocumentFrequencies.of(counter.count([""] * len(references), references)))
        if sum(len(one.hashes) for one in some) > max(1 << 20, len(merged.hashes)):
            merged, some = DocumentFrequencies.merge([merged, *some]), []
    return DocumentFrequencies.merge([merged, *some])


def _corpus_columns(kind: str) -> list[int]:
    """Where the statistics of metrics that are no means stand among those of all."""
    columns: list[int] = []
    start = 0
    for metric in _METRICS.get(kind, ()):
        end = start + len(metric.statistics)
        columns += [] if is_mean(metric) else range(start, end)
        start = end
    return columns
