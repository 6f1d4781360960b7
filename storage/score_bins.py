"""Scores counted in bins: cosines, or inner products of unit vectors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_BINS = 24
# From -1 to 1, in hundredths.
_EDGES = np.array([round(edge / 100 - 1, 4) for edge in range(200)])
_WIDTHS = (1, 2, 5, 10, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreBin:
    """Scores of ``low`` or more and less than ``high``."""

    low: float
    high: float
    count: int


@dataclass(slots=True)
class ScoreCounts:
    """How many scores there are, in hundredths from -1 to 1."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(_EDGES), np.int64))

    def add(self, scores: NDArray[np.floating[Any]]) -> None:
        """Count scores, rounded to a few places: float64 array of shape (scores,)."""
        bins = np.searchsorted(_EDGES, scores, side="right") - 1
        self.counts += np.bincount(np.maximum(bins, 0), minlength=len(_EDGES))

    def by_hundredth(self) -> dict[str, int]:
        """The counts that are not 0, by their lower edge, such as ``"0.27"``."""
        return {f"{_EDGES[at]:.2f}": int(self.counts[at]) for at in np.flatnonzero(self.counts)}

    @classmethod
    def of_hundredths(cls, counts: Mapping[str, int]) -> "ScoreCounts":
        """What :meth:`by_hundredth` gave."""
        made = cls()
        for edge, count in counts.items():
            made.counts[round(100 * float(edge)) + 100] = count
        return made

    def bins(self) -> list[ScoreBin]:
        """Bins of equal width, from the lowest score that there is to the highest."""
        held = np.flatnonzero(self.counts)
        if not len(held):
            return []
        first, last = int(held[0]), int(held[-1])
        width = next(width for width in _WIDTHS if last // width - first // width < _MOST_BINS)
        return [
            ScoreBin(
                low=round(start / 100 - 1, 2),
                high=round((start + width) / 100 - 1, 2),
                count=int(self.counts[start : start + width].sum()),
            )
            for start in range(first - first % width, last + 1, width)
        ]


def rounded(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Scores as a page holds them, so that each is behind the bar that counts it."""
    found: NDArray[np.float64] = scores.astype(np.float64).round(4)
    return found
