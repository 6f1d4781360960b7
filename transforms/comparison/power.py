"""How large a difference so many rows show, and how many rows a difference needs.

Of a two-sided test at 5 % that is to find a real difference in 80 of 100 cases: a difference of
(z(0.975) + z(0.8)) standard errors (Cohen 1988, "Statistical power analysis for the behavioral
sciences", chapter 2; for paired differences their own standard error). Standard errors shrink with
the square root of the rows.
"""

import math

from scipy.special import ndtri

POWER = 0.8
_ERRORS = float(ndtri(0.975) + ndtri(POWER))


def detectable(error: float) -> float:
    """The smallest difference that is found in 80 of 100 cases.

    Args:
        error: standard error of the difference.

    """
    return _ERRORS * error


def rows_needed(difference: float, error: float, rows: int) -> int | None:
    """How many rows find a difference in 80 of 100 cases.

    Args:
        difference: that is to be found; None comes of 0, which no number of rows finds.
        error: standard error of the difference of so many ``rows``.

    """
    if difference == 0 or error == 0:
        return None
    return math.ceil(rows * (_ERRORS * error / difference) ** 2)
