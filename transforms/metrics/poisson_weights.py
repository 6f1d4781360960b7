"""How often each row is drawn in each bootstrap replicate: Poisson weights from the row's key.

Drawing each row independently, a Poisson number of times with mean 1, is the bootstrap of data that
come in parts (Hanley and MacGibbon 2006; Chamandy et al. 2012, "Estimating uncertainty for massive
data streams"). A weight depends on the row's key and the replicate's number alone, so workers need
not talk, a repeated bundle draws the same, and two models are drawn alike on one row.
"""

import math

import numpy as np
from numpy.typing import NDArray

REPLICATES = 1000
_LANES = 4
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def poisson_weights(keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The rows' weights, whole numbers in float64 of shape (rows, replicates).

    Args:
        keys: 64 bits of a hash of what tells a row from all others, shape (rows,).

    """
    counters = np.arange(1, REPLICATES // _LANES + 1, dtype=np.uint64) * _GOLDEN
    # The finaliser of SplitMix64 (Steele et al. 2014) of key and counter.
    bits = keys[:, None] + counters[None, :]
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    weights: NDArray[np.float64] = _QUANTILES[bits.astype("<u8", copy=False).view("<u2")]
    return weights


def _quantiles() -> NDArray[np.float64]:
    """The Poisson distribution of mean 1 over 65,536 equally likely numbers.

    Rounded so that the mean is exactly 1: the weights of no row lean either way.
    """
    places = 1 << 16
    below = np.rint(
        np.cumsum([math.exp(-1) / math.factorial(count) for count in range(9)]) * places
    ).astype(np.int64)
    counts = np.searchsorted(below, np.arange(places), side="right").astype(np.float64)
    # What rounding left of the mean goes to the rarest draws.
    counts[-1] += places - counts.sum()
    return counts


_QUANTILES = _quantiles()
