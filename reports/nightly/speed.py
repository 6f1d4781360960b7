"""How long a night of so many rows takes, by earlier ones: seconds = fixed + slope * rows.

The fixed time (starting the engine, planning, going through the rows that are known) is the same
however few rows are new, so rows a second fall where they are few, with nothing being slower. The
slope is the median of the slopes between each two nights (Theil 1950), its interval Sen's (1968),
and the line goes through the medians of rows and seconds (Conover 1980). Neither the fixed time nor
the slope is negative, so the slope lies between 0 and the median seconds by the median rows: the
interval ends there, and is all of that where the nights' sizes are too few to tell the slope.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_LEAST_DIFFERENT = 12
"""Different sizes, and lengths, of nights for Sen's interval to reach the confidence asked for."""
_FURTHEST = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NightLength:
    """The line, and between which slopes it may lie, all in seconds (a row).

    Attributes:
        rows, seconds: a point of the line, positive.
        least, slope, most: ``0 <= least <= slope <= most <= seconds / rows``.

    """

    rows: float
    seconds: float
    least: float
    slope: float
    most: float

    def usual(self, rows: int) -> float:
        """The seconds that a night of so many rows usually takes."""
        return self.seconds + self.slope * (rows - self.rows)

    def longest(self, rows: int) -> float:
        """The most seconds that it usually takes, by any slope there may be."""
        slope = self.most if rows > self.rows else self.least
        return self.seconds + slope * (rows - self.rows)

    def is_known(self, rows: int) -> bool:
        """Whether the slopes there may be agree within a factor of two on a night of that size."""
        slope = self.least if rows > self.rows else self.most
        shortest = self.seconds + slope * (rows - self.rows)
        return self.longest(rows) <= _FURTHEST * shortest


def fit_length(nights: Sequence[tuple[int, float]], confidence: float) -> NightLength:
    """Fit the line to nights.

    Args:
        nights: rows and seconds of each; at least one, and all positive.
        confidence: of the interval of the slope, above 0.5 and below 1.

    """
    rows, seconds = median(one[0] for one in nights), median(one[1] for one in nights)
    steepest = seconds / rows
    if min(len(set(some)) for some in zip(*nights, strict=True)) < _LEAST_DIFFERENT:
        # Half of the time fixed is furthest from neither end.
        slopes = (0.0, steepest / 2, steepest)
    else:
        # Loading it takes a second, and short histories need none of it.
        from scipy.stats import theilslopes

        found = theilslopes([one[1] for one in nights], [one[0] for one in nights], confidence)
        slopes = (float(found.low_slope), float(found.slope), float(found.high_slope))
    least, slope, most = (min(max(one, 0.0), steepest) for one in slopes)
    return NightLength(rows=rows, seconds=seconds, least=least, slope=slope, most=most)
