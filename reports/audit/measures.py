"""What is measured of each row: words, refusals and empty texts, failures, and scores."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reports.audit.disparity import Measure
from reports.audit.rows import AuditedRows, column_of
from reports.nightly.texts import is_refusal
from schemas.failure import FailureKind

_EMPTY = Measure(name="empty", topic="safety")
_REFUSED = Measure(name="refused", topic="safety")
_FAILED = Measure(name="failed", topic="safety")
_SCORES = frozenset({"metrics", "scores", "score"})
_LARGEST_SCORE = 1e100
"""Of scores above it no sum of squares is sure to be finite."""


class RowMeasures:
    """Takes the measures of rows.

    Of drawn pictures the texts are what was asked for, and not measured.

    Attributes:
        all: the measures; those of words come first, in the order of the categories.
        left_out: by score, how many rows' are infinite (the PSNR of a picture that is equal to its
            source), no number, or beyond 1e100: no mean is made of them.

    Args:
        categories: list and category of words.
        present: the columns of the rows.

    """

    def __init__(
        self, rows: AuditedRows, categories: Sequence[tuple[str, str]], present: set[str]
    ) -> None:
        self.all: list[Measure] = []
        self.left_out: Counter[str] = Counter()
        self._of_texts = not rows.is_generated
        if self._of_texts:
            self.all = [Measure(name=one, topic="terms", source=name) for name, one in categories]
            self.all.append(_EMPTY)
        self.all.append(_REFUSED)
        if rows.keeps_failures:
            self.all.append(_FAILED)
        scored = sorted(present & _SCORES)
        names = _names_of_scores(rows, scored) if scored else []
        self.all += [Measure(name=name, topic="quality") for name in names]
        self._place = {measure: place for place, measure in enumerate(self.all)}
        self._quality = {one.name: place for one, place in self._place.items() if _is_quality(one)}

    def of(
        self, batch: pa.RecordBatch, texts: Sequence[str], categories: Sequence[set[int]]
    ) -> NDArray[np.float64]:
        """Measure rows: float64 array of shape (measures, rows), NaN where a row has no score.

        Args:
            texts: of the rows.
            categories: of each row the places of those that it has words of.

        """
        values = np.zeros((len(self.all), len(texts)))
        if self._of_texts:
            for row, places in enumerate(categories):
                for place in places:
                    values[place, row] = 1
            values[self._place[_EMPTY]] = [not text.strip() for text in texts]
            values[self._place[_REFUSED]] = list(map(is_refusal, texts))
        if self._quality:
            for row, scores in enumerate(_scores(batch)):
                for name, place in self._quality.items():
                    score = scores.get(name)
                    if score is not None and not abs(score) <= _LARGEST_SCORE:
                        self.left_out[name] += 1
                        score = None
                    values[place, row] = np.nan if score is None else score
        return values

    def of_failed(self, kinds: Sequence[str]) -> NDArray[np.float64]:
        """Measure rows that failed, by their kinds: an array as of :meth:`of`."""
        values = np.full((len(self.all), len(kinds)), np.nan)
        values[self._place[_FAILED]] = 1
        values[self._place[_REFUSED]] = [kind == FailureKind.POLICY.value for kind in kinds]
        if self._of_texts:
            empty = FailureKind.EMPTY_OUTPUT.value
            values[self._place[_EMPTY]] = [kind == empty for kind in kinds]
        return values


def _is_quality(measure: Measure) -> bool:
    return measure.topic == "quality"


def _names_of_scores(rows: AuditedRows, columns: Sequence[str]) -> list[str]:
    """The names of the first rows' scores."""
    names: dict[str, None] = {}
    for batch in rows.batches(["asset_id", "text", *columns]):
        for scores in _scores(batch):
            names.update(dict.fromkeys(scores))
        break
    return list(names)


def _scores(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The scores of rows by metric: an evaluation's, or the one a drawn picture has."""
    metrics, scores = column_of(batch, "metrics"), column_of(batch, "scores")
    if metrics is not None and scores is not None:
        for names, values in zip(metrics, scores, strict=True):
            yield dict(zip(names or (), values or (), strict=False))
        return
    for value in column_of(batch, "score") or [None] * len(batch):
        yield {"score": value} if isinstance(value, float) else {}
