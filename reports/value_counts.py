"""Values of any range counted in one pass and bounded memory, for a histogram of them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

PLACES = 4
"""Decimal places that values have in a page, and the finest that are told apart."""

_MOST_STEPS = 20_000
_MOST_BINS = 24
_LARGEST = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueBin:
    """Values of ``low`` or more and less than ``high``; the last bin has its upper end too."""

    low: float
    high: float
    count: int


@dataclass(slots=True)
class ValueCounts:
    """How many values there are in steps of a power of ten.

    A step begins as 0.0001 and grows tenfold whenever there would be more than 20,000 from the
    lowest value to the highest. Steps are whole numbers throughout, so that each value is in the
    bin that its rounded decimals say.

    Attributes:
        counted: finite values, of no more than 10^12 in size; the others are left out.
        total: their sum.

    """

    counted: int = 0
    total: float = 0.0
    _growth: int = 0
    _first: int = 0
    _counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, values: NDArray[np.float64]) -> None:
        """Count values: float64 array of shape (values,)."""
        known = values[countable(values)]
        if not len(known):
            return
        self.counted += len(known)
        self.total += float(known.sum())
        steps = np.rint(known * 10**PLACES).astype(np.int64) // 10**self._growth
        low, high = int(steps.min()), int(steps.max())
        if len(self._counts):
            low = min(low, self._first)
            high = max(high, self._first + len(self._counts) - 1)
        growth = 0
        while high // 10**growth - low // 10**growth >= _MOST_STEPS:
            growth += 1
        self._widen(growth, low, high)
        self._counts += np.bincount(
            steps // 10**growth - self._first, minlength=len(self._counts)
        ).astype(np.int64)

    def _widen(self, growth: int, low: int, high: int) -> None:
        """Make steps so many tenfolds larger, from those of one place to those of another."""
        first, last = low // 10**growth, high // 10**growth
        counts = np.zeros(last - first + 1, np.int64)
        held = np.flatnonzero(self._counts)
        np.add.at(counts, (self._first + held) // 10**growth - first, self._counts[held])
        self._first, self._counts, self._growth = first, counts, self._growth + growth

    @property
    def mean(self) -> float:
        """The mean; NaN of none."""
        return self.total / self.counted if self.counted else float("nan")

    @property
    def median(self) -> float:
        """The lower median, to a step; NaN of none."""
        if not self.counted:
            return float("nan")
        at = int(np.searchsorted(np.cumsum(self._counts), (self.counted + 1) // 2))
        return self._value(self._first + at)

    def bins(self) -> list[ValueBin]:
        """Bins of equal width, from the lowest value to the highest; none of none."""
        held = np.flatnonzero(self._counts)
        if not len(held):
            return []
        first, last = self._first + int(held[0]), self._first + int(held[-1])
        width = next(
            step * 10**power
            for power in range(20)
            for step in (1, 2, 5)
            if last // (step * 10**power) - first // (step * 10**power) < _MOST_BINS
        )
        start = first - first % width
        found = []
        while start <= last:
            # A highest value that lies on an edge, such as 1, belongs to the bin below it. Where
            # steps are wider than decimals, it may lie beyond the edge.
            closed = start + width == last and not self._growth
            end = start + width + (1 if closed else 0)
            some = self._counts[max(start - self._first, 0) : max(end - self._first, 0)]
            found.append(
                ValueBin(
                    low=self._value(start), high=self._value(start + width), count=int(some.sum())
                )
            )
            start += width + (1 if closed else 0)
        return found

    def _value(self, step: int) -> float:
        # Divided as whole numbers are, so that the decimals are those of the rounded values.
        whole: int = step * 10**self._growth
        value: float = round(whole / 10**PLACES, PLACES)
        return value


def countable(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values are finite and of a size that a page tells: shape (values,)."""
    held: NDArray[np.bool_] = np.abs(values) <= _LARGEST
    return held


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values as a page holds them, so that each is behind the bar that counts it."""
    found: NDArray[np.float64] = np.rint(values * 10**PLACES) / 10**PLACES
    return found
