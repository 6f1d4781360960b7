"""Sums of statistics over rows, and over bootstrap replicates of the rows, that come out the same
in whatever order they are added.

A statistic is a number of a row; what a metric is computed from are sums of statistics. They are
added as whole numbers of 2**-40, in two halves so that products with weights stay exact in
float64: so no rounding depends on how rows were parted, and merging is exact.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.poisson_weights import REPLICATES, poisson_weights

_FRACTION_BITS = 40
_LOW_BITS = 20
_ROWS_AT_ONCE = 512
LARGEST = float(1 << 18)
"""A row's statistic is at most so large, in absolute value."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """Sums of statistics over some rows.

    Attributes:
        rows: how many were added.
        high, low: the sums' two halves, int64 of shape (statistics, 1 + replicates): first of the
            rows as they are, then of each replicate.

    """

    rows: int
    high: Integers
    low: Integers

    @classmethod
    def of(cls, statistics: Floats, keys: NDArray[np.uint64]) -> "Sums":
        """Add up rows.

        Args:
            statistics: shape (rows, statistics).
            keys: one for each row, from which its weights in the replicates are drawn.

        Raises:
            ValueError: a statistic is not finite, or larger than :data:`LARGEST`.

        """
        return _add(statistics, keys, np.zeros(len(keys), np.int64), 1)[0]

    @classmethod
    def merge(cls, some: Iterable["Sums"]) -> "Sums":
        """The sums over all rows together; of one at least."""
        parts = list(some)
        first = parts[0]
        if len(parts) == 1:
            return first
        high, low = first.high.copy(), first.low.copy()
        for part in parts[1:]:
            high += part.high
            low += part.low
        return cls(rows=sum(part.rows for part in parts), high=high, low=low)

    def values(self) -> Floats:
        """The sums: float64 of shape (1 + replicates, statistics)."""
        # The halves are exact; the one rounding is here.
        return self.high.T * 2.0 ** (_LOW_BITS - _FRACTION_BITS) + self.low.T * 2.0**-_FRACTION_BITS


def sums_by_group(
    statistics: Floats, keys: NDArray[np.uint64], groups: Integers, count: int
) -> list[Sums]:
    """Add up the rows of each of some groups; see :meth:`Sums.of`.

    Args:
        groups: number of each row's group.
        count: of groups.

    """
    return _add(statistics, keys, groups, count)


def _add(statistics: Floats, keys: NDArray[np.uint64], groups: Integers, count: int) -> list[Sums]:
    if not np.all(np.abs(statistics) <= LARGEST):
        raise ValueError(f"A statistic is not finite, or larger than {LARGEST:.0f}.")
    shape = (count, statistics.shape[1], 1 + REPLICATES)
    high, low = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    order = np.argsort(groups, kind="stable")
    for start in range(0, len(order), _ROWS_AT_ONCE):
        rows = order[start : start + _ROWS_AT_ONCE]
        whole = np.rint(statistics[rows] * 2.0**_FRACTION_BITS).astype(np.int64)
        upper = whole >> _LOW_BITS
        # Below 2**39 and 2**20, times weights below 2**4, times 2**9 rows: below 2**53.
        halves = np.stack([upper, whole - (upper << _LOW_BITS)]).astype(np.float64)
        weights = poisson_weights(keys[rows])
        of_rows = groups[rows]
        edges = [0, *(np.flatnonzero(np.diff(of_rows)) + 1).tolist(), len(rows)]
        for first, last in itertools.pairwise(edges):
            group = of_rows[first]
            added = halves[:, first:last].transpose(0, 2, 1) @ weights[first:last]
            high[group, :, 0] += halves[0, first:last].sum(axis=0).astype(np.int64)
            low[group, :, 0] += halves[1, first:last].sum(axis=0).astype(np.int64)
            high[group, :, 1:] += added[0].astype(np.int64)
            low[group, :, 1:] += added[1].astype(np.int64)
    rows_of = np.bincount(groups, minlength=count).tolist()
    return [Sums(rows=rows_of[group], high=high[group], low=low[group]) for group in range(count)]
