"""The rows on which one model is better by most, in one pass."""

import numpy as np
from numpy.typing import NDArray

from schemas.comparison import ComparedRow
from storage.evaluation.pairs import PairedRows
from storage.extremes import Extremes

Floats = NDArray[np.float64]


class Gains:
    """Keeps the rows of the largest gains.

    Of rows alike the lowest hashes are kept, which follow from ids alone: no order of a catalog
    shows, where answers are right or wrong and most gains are the same.

    Args:
        most: rows kept.

    """

    def __init__(self, most: int) -> None:
        self._kept = Extremes(most)

    def add(self, rows: PairedRows, a: Floats, b: Floats, gains: Floats) -> None:
        """Take rows in.

        Args:
            a, b: their scores, shape (rows,).
            gains: shape (rows,); of 0 or less, and of NaN, a row is not taken.

        """
        # An infinite gain comes first, and is no order.
        orders = np.where(gains > 0, -np.minimum(gains, np.finfo(np.float64).max), np.nan)
        for place in self._kept.candidates(orders, rows.keys).tolist():
            self._kept.offer(float(orders[place]), int(rows.keys[place]), _row(rows, place, a, b))

    def rows(self) -> tuple[ComparedRow, ...]:
        """The rows, the largest gain first."""
        return tuple(self._kept)


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
        a_uri=rows.a.uris[place],
        b_uri=rows.b.uris[place],
    )
