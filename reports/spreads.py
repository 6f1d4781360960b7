"""How whole numbers are spread: their middle, their ends, and bins for a histogram."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.keyed_sums import Lengths

_BARS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """How many numbers are from ``low`` to ``high``, both among them."""

    low: int
    high: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How whole numbers are spread."""

    count: int
    total: int
    mean: float
    median: int
    p95: int
    most: int
    bins: tuple[Bin, ...]


def spread_of(lengths: Lengths, edges: Sequence[tuple[int, int]]) -> Spread:
    """Describe some numbers.

    Args:
        edges: lowest and highest number of each bin.

    """
    counts = lengths.counts
    count = int(counts.sum())
    total = int((counts * np.arange(len(counts))).sum())
    return Spread(
        count=count,
        total=total,
        mean=total / count if count else 0.0,
        median=lengths.quantile(0.5),
        p95=lengths.quantile(0.95),
        most=max(len(counts) - 1, 0),
        bins=tuple(
            Bin(low=low, high=high, count=int(counts[low : high + 1].sum())) for low, high in edges
        ),
    )


def even_edges(lengths: Lengths) -> list[tuple[int, int]]:
    """Bins of one width, a round number, that begin at multiples of it."""
    counts = lengths.counts
    if not len(counts):
        return []
    low, high = int(np.flatnonzero(counts)[0]), len(counts) - 1
    width = max(-(-(high - low + 1) // _BARS), 1)
    power = 10 ** max(len(str(width)) - 1, 0)
    width = next(some * power for some in (1, 2, 5, 10) if some * power >= width)
    first = low // width * width
    return [(start, start + width - 1) for start in range(first, high + 1, width)]


def each_value(lengths: Lengths) -> list[tuple[int, int]]:
    """A bin for each number up to the highest."""
    return [(value, value) for value in range(len(lengths.counts))]


def doubling_edges(lengths: Lengths) -> list[tuple[int, int]]:
    """Bins that double: 1, 2 to 3, 4 to 7 and so on."""
    most = len(lengths.counts) - 1
    return [(1 << power, (2 << power) - 1) for power in range(max(most, 0).bit_length())]
