"""95 % intervals of statistics that cannot be drawn anew a thousand times: the delete-one-block
jackknife (Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 11).

Rows are parted into blocks by their keys alone, so that a repeated evaluation has the same blocks
however its rows are parted among workers.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

BLOCKS = 10
_TAIL = 0.025
_MIX = np.uint64(0x9E3779B97F4A7C15)

Floats = NDArray[np.float64]


def block_of(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The block of each row, from 0 to :data:`BLOCKS` - 1."""
    # The upper half of a product depends on all bits of the key.
    mixed = (keys * _MIX) >> np.uint64(32)
    return (mixed % np.uint64(BLOCKS)).astype(np.int64)


def jackknife_interval(value: float, without: Sequence[Floats]) -> tuple[float, float]:
    """The interval of a statistic of one or several independent samples.

    The variances add up, and their degrees of freedom are Satterthwaite's.

    Args:
        value: the statistic.
        without: for each sample, the statistic without each of its blocks that has rows.

    Returns:
        Lower and upper end; NaN and NaN where a sample has fewer than two blocks with rows, or the
        statistic is not defined without one of them.

    """
    variance = squared = 0.0
    for sample in without:
        blocks = len(sample)
        if blocks < 2 or not np.isfinite(sample).all():
            return math.nan, math.nan
        of_sample = float((blocks - 1) * np.var(sample))
        variance += of_sample
        squared += of_sample**2 / (blocks - 1)
    if not variance:
        return value, value
    reach = -float(stdtrit(variance**2 / squared, _TAIL)) * math.sqrt(variance)
    return value - reach, value + reach
