"""What bootstrap replicates of a difference tell: its standard error, and a p-value."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

Floats = NDArray[np.float64]


def standard_error(replicates: Floats, rows: int) -> float:
    """The standard error of a difference, made up for what the bootstrap lacks of few rows.

    Args:
        replicates: the difference in each replicate; NaN where it is not defined.
        rows: how many it is of.

    Returns:
        NaN of fewer than two rows.

    """
    known = replicates[~np.isnan(replicates)]
    if rows < 2 or len(known) < 2:
        return math.nan
    return float(known.std(ddof=1)) * math.sqrt(rows / (rows - 1))


def bootstrap_p_value(difference: float, error: float, rows: int) -> float | None:
    """The two-sided p-value of Student's t of a difference by its standard error.

    For metrics of all rows together, as BLEU: signs cannot be flipped there. None where the
    replicates do not differ though there is a difference, or of fewer than two rows.
    """
    if difference == 0 and rows > 1:
        return 1.0
    if rows < 2 or not error > 0:
        return None
    return float(2 * stdtr(rows - 1, -abs(difference) / error))
