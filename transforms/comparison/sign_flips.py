"""The paired permutation test: would it be as large if it were chance which model is which?

If two models are alike, each row's difference could as well have the other sign. So the sum of
differences is compared with its sums under random signs (Fisher 1935, "The design of experiments",
section 21; for language, Yeh 2000, https://aclanthology.org/C00-2137). The signs of a row depend on
its key alone, so a comparison that is repeated has the same p-values.
"""

import numpy as np
from numpy.typing import NDArray

FLIPS = 156 * 64
"""Random choices of signs: a p-value of 0.05 is known to 0.002, one standard error."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
# Other bits than those of the bootstrap's weights, which begin at the key itself.
_OFFSET = np.uint64(0xD1B54A32D192ED03)
_TIED = 1e-10

Floats = NDArray[np.float64]


def sign_flips(keys: NDArray[np.uint64]) -> Floats:
    """The rows' signs, 1 or -1 in float64 of shape (rows, flips).

    Args:
        keys: 64 bits of a hash of what tells a row from all others, shape (rows,).

    """
    counters = np.arange(1, FLIPS // 64 + 1, dtype=np.uint64) * _GOLDEN
    # The finaliser of SplitMix64 (Steele et al. 2014) of key and counter.
    bits = (keys[:, None] ^ _OFFSET) + counters[None, :]
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    signs = np.unpackbits(bits.astype("<u8", copy=False).view(np.uint8), axis=1).astype(np.float64)
    signs *= -2
    signs += 1
    return signs


def flip_p_values(summed: Floats, flipped: Floats, absolute: Floats, squared: Floats) -> Floats:
    """Two-sided p-values of sums of differences.

    Mid-p: of flips that are exactly as far from 0 as what was found, half are counted. Answers are
    right or wrong, so that many are; counting all of them would miss real differences of few rows
    (Fagerland et al. 2013, https://doi.org/10.1186/1471-2288-13-91, of the same test of 0 and 1).
    What was found is itself one of the flips, so that p is never 0. Below what so many flips can
    show it is Hoeffding's bound for a sum of random signs, 2 exp(-sum² / (2 sum of squares)):
    never too small (Hoeffding 1963, theorem 2).

    Args:
        summed: sums of the differences, shape (...,).
        flipped: the same under each choice of signs, shape (..., flips).
        absolute: sums of the differences' absolute values, shape (...,).
        squared: of their squares.

    Returns:
        Shape (...,); 1 where the sum is 0.

    """
    slack = _TIED * absolute
    found = np.abs(summed)
    beyond = np.abs(flipped) - found[..., None]
    farther = (beyond > slack[..., None]).sum(axis=-1)
    equal = (np.abs(beyond) <= slack[..., None]).sum(axis=-1)
    p = (farther + (equal + 1) / 2) / (flipped.shape[-1] + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        bound = 2 * np.exp(-(found**2) / (2 * squared))
    smallest = 0.5 / (flipped.shape[-1] + 1)
    p = np.where(bound < smallest, bound, p)
    return np.where(found <= slack, 1.0, p)
