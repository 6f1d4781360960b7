"""What a metric is: a name, what is added up over rows, and the value made of the sums."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.interval import interval
from transforms.metrics.sums import Sums

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One or several values made of the same sums.

    Attributes:
        names: of the values.
        statistics: what is added up over rows. The first counts the rows that have a part in it.
        finish: makes the values, shape (..., names), of sums, shape (..., statistics); NaN where
            they are not defined.

    """

    names: tuple[str, ...]
    statistics: tuple[str, ...]
    finish: Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a metric is of some rows.

    Attributes:
        low, high: ends of its 95 % interval; NaN where that is not defined.
        count: rows that had a part in it.

    """

    metric: str
    value: float
    low: float
    high: float
    count: int


def mean_of(name: str) -> Metric:
    """The mean of a row's score over the rows that have one."""
    return Metric(names=(name,), statistics=("rows", name), finish=_mean)


def _mean(sums: Floats) -> Floats:
    return quotient(sums[..., 1:], sums[..., :1])


def quotient(part: Floats, whole: Floats) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, math.nan)


def values_of(metrics: Sequence[Metric], sums: Sums) -> list[Value]:
    """Make the values of metrics that are defined, with their intervals.

    Args:
        sums: of the metrics' statistics, one metric's after the other's.

    """
    summed = sums.values()
    values = []
    start = 0
    for metric in metrics:
        end = start + len(metric.statistics)
        finished = metric.finish(summed[:, start:end])
        count = round(float(summed[0, start]))
        start = end
        for column, name in enumerate(metric.names):
            value = float(finished[0, column])
            if math.isnan(value):
                continue
            low, high = interval(finished[1:, column], count)
            values.append(Value(metric=name, value=value, low=low, high=high, count=count))
    return values
