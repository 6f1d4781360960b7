"""What a metric is: a name, what is added up over rows, and the value made of the sums."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.interval import interval, share_interval
from transforms.metrics.sums import Sums

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One or several values made of the same sums.

    Attributes:
        names: of the values.
        statistics: what is added up over rows. The first counts the rows that have a part in it.
        finish: makes the values, shape (..., names), of sums, shape (..., statistics); NaN where
            they are not defined, infinite where they are larger than can be told.
        shares: for values that are shares of rows, the statistic that counts those rows, by name.
            Where not all rows' scores are 0 or 1, they are nearly so.

    """

    names: tuple[str, ...]
    statistics: tuple[str, ...]
    finish: Callable[[Floats], Floats]
    shares: Mapping[str, str] = field(default_factory=dict)


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


def share_of(name: str) -> Metric:
    """The share of the rows with a score whose score is 1: the mean of scores that are 0 or 1."""
    return replace(mean_of(name), shares={name: "rows"})


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
    end = 0
    for metric in metrics:
        begin, end = end, end + len(metric.statistics)
        finished = metric.finish(summed[:, begin:end])
        count = round(float(summed[0, begin]))
        for column, name in enumerate(metric.names):
            value = float(finished[0, column])
            if not math.isfinite(value):
                continue
            low, high = interval(finished[1:, column], count)
            if name in metric.shares and not math.isnan(low):
                of = float(summed[0, begin + metric.statistics.index(metric.shares[name])])
                # Not in its place: a score need not be quite 0 or 1.
                least, most = share_interval(value, of)
                low, high = min(low, least), max(high, most)
            values.append(Value(metric=name, value=value, low=low, high=high, count=count))
    return values
