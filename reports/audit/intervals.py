"""Shares and means with intervals, their differences, and how likely chance makes such ones.

Nothing here knows rows: counts, means and standard deviations come in.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

_Z = float(stats.norm.ppf(0.975))
_LEAST_EXPECTED = 5.0
"""Rows expected in each cell from which on chi-squared serves for the exact test (Cochran 1954)."""


def share_interval(count: float, rows: float) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson's score (Wilson 1927).

    Args:
        count: rows that have it; need not be whole where rows count less for hanging together.
        rows: all rows, more than none.

    """
    share = count / rows
    spread = _Z * math.sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2))
    middle = share + _Z**2 / (2 * rows)
    scale = 1 + _Z**2 / rows
    # Rounding must not leave a share outside of its own interval.
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def share_difference(
    count: float, rows: float, other_count: float, other_rows: float
) -> tuple[float, float]:
    """The 95 % interval of the first share less the other (Newcombe 1998, method 10)."""
    share, other = count / rows, other_count / other_rows
    low, high = share_interval(count, rows)
    other_low, other_high = share_interval(other_count, other_rows)
    difference = share - other
    return (
        difference - math.hypot(share - low, other_high - other),
        difference + math.hypot(high - share, other - other_low),
    )


def share_chance(count: float, rows: float, other_count: float, other_rows: float) -> float:
    """How likely chance alone makes two shares differ at least as much: a two-sided p value.

    Pearson's chi-squared without correction; Fisher's exact test where it expects fewer than five
    rows in a cell.
    """
    total = rows + other_rows
    having = count + other_count
    least = min(rows, other_rows) * min(having, total - having) / total
    if having <= 0 or having >= total:
        return 1.0
    if least < _LEAST_EXPECTED:
        table = np.rint([[count, rows - count], [other_count, other_rows - other_count]])
        return float(stats.fisher_exact(table.astype(np.int64)).pvalue)
    pooled = having / total
    error = math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / other_rows))
    return float(2 * stats.norm.sf(abs(count / rows - other_count / other_rows) / error))


def share_effect(share: float, other: float) -> float:
    """Cohen's h: the difference of shares on a scale on which it counts alike everywhere."""
    return 2 * math.asin(math.sqrt(share)) - 2 * math.asin(math.sqrt(other))


def mean_interval(mean: float, deviation: float, rows: float) -> tuple[float, float]:
    """The 95 % interval of a mean by Student's t.

    Args:
        deviation: standard deviation of the rows.
        rows: more than one.

    """
    half = float(stats.t.ppf(0.975, rows - 1)) * deviation / math.sqrt(rows)
    return mean - half, mean + half


def mean_difference(
    mean: float,
    deviation: float,
    rows: float,
    other_mean: float,
    other_deviation: float,
    other_rows: float,
) -> tuple[float, float, float]:
    """The 95 % interval of the first mean less the other, and a two-sided p value.

    Of Welch's test and of Student's, whichever is less sure. Welch's alone takes a few rows that
    happen to be alike for certainty, Student's alone few rows that differ much.

    Args:
        rows: of the first, more than one; ``other_rows``: of the other, likewise.

    """
    first, second = deviation**2 / rows, other_deviation**2 / other_rows
    difference = mean - other_mean
    freedom = rows + other_rows - 2
    pooled = ((rows - 1) * deviation**2 + (other_rows - 1) * other_deviation**2) / freedom
    errors = [(math.sqrt(pooled * (1 / rows + 1 / other_rows)), freedom)]
    if first + second > 0:
        # By shares of the sum, for squares of small or large variances are 0 or infinite.
        share, other = first / (first + second), second / (first + second)
        welch = 1 / (share**2 / (rows - 1) + other**2 / (other_rows - 1))
        errors.append((math.sqrt(first + second), welch))
    half = max(float(stats.t.ppf(0.975, one)) * error for error, one in errors)
    if half == 0:
        return difference, difference, float(difference == 0)
    chance = max(
        float(2 * stats.t.sf(abs(difference) / error, one)) for error, one in errors if error > 0
    )
    return difference - half, difference + half, chance


def mean_effect(difference: float, deviation: float) -> float:
    """Cohen's d: a difference of means in standard deviations of the rows."""
    if deviation == 0:
        return 0.0 if difference == 0 else math.copysign(math.inf, difference)
    return difference / deviation


def corrected(chances: Sequence[float | None]) -> list[float | None]:
    """P values corrected for how many there are (Holm 1979); None stays, and does not count.

    If all are compared with 0.05, chance alone lets one of them fall below it in at most one
    audit of twenty, whatever depends on what.
    """
    values = np.array([one for one in chances if one is not None])
    order = np.argsort(values)
    stepped = values[order] * np.arange(len(values), 0, -1)
    after = np.empty(len(values))
    after[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    given = iter(after.tolist())
    return [None if one is None else next(given) for one in chances]
