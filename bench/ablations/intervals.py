"""A mean over seeds and items, with an interval that allows for both.

All seeds of a variant are measured on the same items, so what is measured is a table of seeds by
items. Another draw of seeds and another draw of items would each give another mean. The variance of
the mean is taken as the sum of both: that of the seeds' means divided by their number, and that of
the items' means divided by theirs. What is left when both are taken away is in each of the two, so
the sum is rather too large. The interval is Student's, with degrees of freedom by F. E.
Satterthwaite, 1946, Biometrics Bulletin 2, p. 110: with three seeds it is wide where seeds differ,
and near the normal one where items alone do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from transforms.metrics.interval import share_interval

_SURE = 0.975


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean, and its 95 % interval from ``low`` to ``high``.

    Attributes:
        seeds: that were trained; ``items``: that each was measured on.

    """

    mean: float
    low: float
    high: float
    seeds: int
    items: int

    @classmethod
    def of(cls, values: NDArray[np.float64] | Sequence[Sequence[float]]) -> Self:
        """Of values of shape (seeds, items).

        Without any variance, shares of 0 or 1 have Wilson's interval of the items; other values
        have one without width. Of a single seed the interval is that of the items, and of a single
        item that of the seeds; of one value it is without bounds.
        """
        table = np.asarray(values, np.float64)
        seeds, items = table.shape
        mean = float(table.mean())
        half = _half_width(table)
        low, high = mean - half, mean + half
        if half == 0 and mean in {0, 1}:
            low, high = share_interval(mean, items)
        return cls(mean=mean, low=low, high=high, seeds=seeds, items=items)


def _half_width(table: NDArray[np.float64]) -> float:
    parts = [
        (float(means.var(ddof=1)) / len(means), len(means) - 1)
        for means in (table.mean(axis=1), table.mean(axis=0))
        if len(means) > 1
    ]
    if not parts:
        return math.inf
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return 0.0
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    return float(student.ppf(_SURE, freedom)) * math.sqrt(variance)
