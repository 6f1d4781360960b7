"""95 % intervals from bootstrap replicates, and of shares."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

_TAIL = 0.025
_Z = float(ndtri(1 - _TAIL))

Floats = NDArray[np.float64]


def interval(replicates: Floats, rows: int) -> tuple[float, float]:
    """The 95 % percentile interval, widened for few rows.

    The bootstrap's variance is too small by the factor (rows - 1) / rows, and its percentiles are
    those of a normal distribution where Student's t would be right; both are made up for by taking
    percentiles further out (Hesterberg 2015, "What teachers should know about the bootstrap").
    Of 30 rows they are 1.9 and 98.1; of two, the lowest and the highest replicate.

    Args:
        replicates: a metric of each replicate; NaN where it is not defined, as where no row was
            drawn, infinite where it is larger than can be told.
        rows: how many the metric is of.

    Returns:
        Lower and upper end; NaN and NaN of fewer than two rows, which tell nothing of how much
        rows differ, and where an end is larger than can be told.

    """
    known = replicates[~np.isnan(replicates)]
    if rows < 2 or not len(known):
        return math.nan, math.nan
    tail = float(ndtr(math.sqrt(rows / (rows - 1)) * stdtrit(rows - 1, _TAIL)))
    # Between infinite replicates nothing is interpolated.
    with np.errstate(invalid="ignore"):
        low, high = map(float, np.quantile(known, [tail, 1 - tail]))
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (math.nan, math.nan)


def share_interval(share: float, rows: float) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson's score (Wilson 1927).

    Near 0 and 1, where replicates hardly differ and the bootstrap's interval is far too narrow, it
    is as wide as it has to be.

    Args:
        rows: all that the share is of, more than none.

    """
    spread = _Z * math.sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2))
    middle = share + _Z**2 / (2 * rows)
    scale = 1 + _Z**2 / rows
    # Rounding must not leave a share outside of its own interval.
    return max(0.0, min((middle - spread) / scale, share)), min(
        1.0, max((middle + spread) / scale, share)
    )
