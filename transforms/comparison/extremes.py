"""The rows on which one model is better by most, in one pass."""

import heapq

import numpy as np
from numpy.typing import NDArray

from schemas.comparison import ComparedRow
from storage.evaluation.pairs import PairedRows

Floats = NDArray[np.float64]


class Extremes:
    """Keeps the rows of the largest gains.

    Of rows alike the lowest hashes are kept, which follow from ids alone: no order of a catalog
    shows, where answers are right or wrong and most gains are the same.

    Args:
        most: rows kept.

    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[float, int, ComparedRow]] = []

    def add(self, rows: PairedRows, a: Floats, b: Floats, gains: Floats) -> None:
        """Take rows in.

        Args:
            a, b: their scores, shape (rows,).
            gains: shape (rows,); of 0 or less, and of NaN, a row is not taken.

        """
        order = np.lexsort((rows.keys, -gains))[: self._most]
        for place in order[gains[order] > 0].tolist():
            rank = (float(gains[place]), -int(rows.keys[place]))
            if len(self._heap) < self._most:
                heapq.heappush(self._heap, (*rank, _row(rows, place, a, b)))
            elif rank > self._heap[0][:2]:
                heapq.heapreplace(self._heap, (*rank, _row(rows, place, a, b)))

    def rows(self) -> tuple[ComparedRow, ...]:
        """The rows, the largest gain first."""
        ordered = sorted(self._heap, key=lambda entry: entry[:2], reverse=True)
        return tuple(row for *_, row in ordered)


def _row(rows: PairedRows, place: int, a: Floats, b: Floats) -> ComparedRow:
    return ComparedRow(
        asset_id=rows.asset_ids[place],
        question_id=rows.question_ids[place],
        question="",
        a_text=rows.a.texts[place],
        b_text=rows.b.texts[place],
        a_score=float(a[place]),
        b_score=float(b[place]),
        references=tuple(rows.references[place]),
        uri=rows.a.uris[place],
    )
