"""Sums of measures by group, from which shares, means and their uncertainty follow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.errors import CatalogError

MOST_GROUPS = 100
"""Different values of a column that groups rows."""

_BUCKETS = 256

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measure of some rows.

    Attributes:
        rows: rows that have the measure.
        effective: what they weigh in rows that do not hang together, at most ``rows``.
        mean: of a measure that is 0 or 1, the share.
        deviation: standard deviation of the rows.

    """

    rows: int
    effective: float
    mean: float
    deviation: float


class GroupedSums:
    """Adds measures up by a column's groups, in one pass.

    Rows of one asset (its questions, its samples) hang together. Assets fall into 256 buckets by
    a hash, and how much more the buckets' sums vary than those of single rows would is the design
    effect (Kish 1965): rows are divided by it, where it is above 1. Memory is some 4 kB for each
    measure and group.

    Args:
        column: its name; empty if all rows are one group.
        measures: how many there are.

    """

    def __init__(self, column: str, measures: int) -> None:
        self.column = column
        self._places: dict[str, int] = {}
        self._rows: Numbers = np.zeros((measures, _BUCKETS, 0))
        self._sums: Numbers = np.zeros((measures, _BUCKETS, 0))
        self._squares: Numbers = np.zeros((measures, 0))
        self._binary: NDArray[np.bool_] = np.ones(measures, bool)

    @property
    def groups(self) -> list[str]:
        """The groups, in the order in which they came."""
        return list(self._places)

    def add(self, groups: list[str], hashes: NDArray[np.uint64], values: Numbers) -> None:
        """Add rows.

        Args:
            groups: the group of each row.
            hashes: uint64 array of shape (rows,), of the rows' assets.
            values: float64 array of shape (measures, rows); NaN where a row has no such measure.

        Raises:
            CatalogError: there are too many groups.

        """
        places = np.array([self._place(group) for group in groups], np.int64)
        self._grow()
        count = len(self._places)
        at: Places = (hashes % np.uint64(_BUCKETS)).astype(np.int64) * count + places
        cells = _BUCKETS * count
        for measure, row in enumerate(values):
            there = ~np.isnan(row)
            chosen, some = (at, row) if there.all() else (at[there], row[there])
            shape = (_BUCKETS, count)
            self._rows[measure] += np.bincount(chosen, minlength=cells).reshape(shape)
            self._sums[measure] += np.bincount(chosen, some, cells).reshape(shape)
            self._squares[measure] += np.bincount(chosen % count, some * some, count)
            self._binary[measure] &= bool(((some == 0) | (some == 1)).all())

    def is_share(self, measure: int) -> bool:
        """Whether all that was added of a measure is 0 or 1."""
        return bool(self._binary[measure])

    def figure(self, measure: int, group: str | None = None, *, others: bool = False) -> Figure:
        """A measure of a group, of all the ``others``, or of all rows."""
        chosen = np.ones(len(self._places), bool)
        if group is not None:
            chosen[:] = others
            chosen[self._places[group]] = not others
        rows = float(self._rows[measure][:, chosen].sum())
        if rows == 0:
            return Figure(rows=0, effective=0, mean=float("nan"), deviation=float("nan"))
        mean = float(self._sums[measure][:, chosen].sum()) / rows
        squares = float(self._squares[measure][chosen].sum())
        variance = max(squares / rows - mean * mean, 0.0) * rows / max(rows - 1, 1)
        return Figure(
            rows=round(rows),
            effective=rows / self._design_effect(measure),
            mean=mean,
            deviation=float(np.sqrt(variance)),
        )

    def _design_effect(self, measure: int) -> float:
        """How much more the sums of buckets vary than those of single rows, 1 at least."""
        rows, sums = self._rows[measure], self._sums[measure]
        of_group = rows.sum(0)
        means = sums.sum(0) / np.maximum(of_group, 1)
        single = float((self._squares[measure] - of_group * means**2).sum())
        deviations = (sums - rows * means).sum(1)
        used = int((rows.sum(1) > 0).sum())
        if single <= 1e-12 or used < 2:
            return 1.0
        count = float(of_group.sum())
        # Where each bucket holds one row, both are the same.
        freedom = used / (used - 1) * (count - 1) / count
        return max(1.0, float((deviations**2).sum()) / single * freedom)

    def _place(self, group: str) -> int:
        place = self._places.setdefault(group, len(self._places))
        if place >= MOST_GROUPS:
            raise CatalogError(
                f"{self.column} has more than {MOST_GROUPS} different values. Group rows by a "
                "column of fewer."
            )
        return place

    def _grow(self) -> None:
        missing = len(self._places) - self._squares.shape[1]
        if missing:
            wider = ((0, 0), (0, 0), (0, missing))
            self._rows = np.pad(self._rows, wider)
            self._sums = np.pad(self._sums, wider)
            self._squares = np.pad(self._squares, wider[1:])
