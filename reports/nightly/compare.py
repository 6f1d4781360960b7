"""Whether a run's figures are unusual: each against the same figure of earlier runs.

The usual value is the median of the earlier runs' values. A value is unusual if it lies further
from it than

    z * (1 + 3 / runs) * sqrt(spread ** 2 + noise ** 2)

where ``spread`` is 1.4826 times the median absolute deviation of the earlier values (the standard
deviation, if they are normal), ``noise`` is what chance does to a sample of this many rows, so that
a history without any spread makes no alarm of it, and z is the normal quantile at which all
comparisons of a run together raise a false alarm in one run of a hundred (Bonferroni).

Shares are compared as y = 2 asin(sqrt((k + 3/8) / (n + 3/4))), whose variance is near 1 / (n + 1/2)
whatever the share is (Anscombe 1948): so also where k is 0 on most nights. They are told as k / n,
and the bounds as the k / n that this run would need to reach them. The noise of a mean is
its standard error, by the deviation of this run or the median one of the earlier runs, whichever is
larger. Speed is compared by the logarithm of what a run of that size usually takes to what it took
(:mod:`reports.nightly.speed`), the bound by the longest it may usually take.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist, median
from typing import Literal

from reports.nightly.speed import fit_length
from reports.nightly.statistics import RunStatistics

LEAST_RUNS = 3
"""Earlier runs without which nothing is usual."""
LEAST_ROWS = 50
"""Rows that a run must have tried to be compared, or to be compared with."""

_FALSE_ALARMS = 0.01
_NORMAL_MAD = 1.4826

Side = Literal["above", "below", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One figure of a run against its history.

    Attributes:
        measure: its name.
        value: of the run; a share is how many of how many, as counted.
        usual: the median of the earlier runs, likewise; of the speed, that of a run of this size.
        low, high: between these it is usual; without a bound None.
        runs: how many earlier runs it was compared with.

    """

    measure: str
    value: float
    usual: float
    low: float | None
    high: float | None
    runs: int

    @property
    def is_unusual(self) -> bool:
        """Whether it is an alarm."""
        return (self.low is not None and self.value < self.low) or (
            self.high is not None and self.value > self.high
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """A figure, and its history on the scale on which it is compared.

    Attributes:
        value, usual: as told.
        noise, history: on the scale of comparing.
        told: what a value on that scale is as told. It rises, so that what lies beyond a bound on
            one scale lies beyond it on the other.

    """

    measure: str
    side: Side
    value: float
    usual: float
    noise: float
    history: Sequence[float]
    told: Callable[[float], float]


def compare(newest: RunStatistics, earlier: Sequence[RunStatistics]) -> list[Comparison]:
    """Compare a run's figures with those of earlier runs of its job.

    Returns:
        None of too short a history, and none of a run with too few rows.

    """
    earlier = [one for one in earlier if one.tried >= LEAST_ROWS]
    if newest.tried < LEAST_ROWS or len(earlier) < LEAST_RUNS:
        return []
    measured = [
        one
        for one in (*_shares(newest, earlier), *_slices(newest, earlier), *_means(newest, earlier))
        if len(one.history) >= LEAST_RUNS
    ]
    z = NormalDist().inv_cdf(1 - _FALSE_ALARMS / (2 * (len(measured) + 1)))  # with the speed
    measured += _speed(newest, earlier, z)
    return [_compared(one, z) for one in measured]


def _compared(one: _Measured, z: float) -> Comparison:
    usual = median(one.history)
    spread = _NORMAL_MAD * median(abs(value - usual) for value in one.history)
    width = z * (1 + 3 / len(one.history)) * math.hypot(spread, one.noise)
    return Comparison(
        measure=one.measure,
        value=one.value,
        usual=one.usual,
        low=None if one.side == "above" else one.told(usual - width),
        high=None if one.side == "below" else one.told(usual + width),
        runs=len(one.history),
    )


def _shares(newest: RunStatistics, earlier: Sequence[RunStatistics]) -> Iterator[_Measured]:
    for name in dict.fromkeys(name for one in (newest, *earlier) for name in one.shares):
        history = [some for some in (_count(one, name) for one in earlier) if some[1]]
        count, rows = _count(newest, name)
        if rows and history:
            lost = name.startswith(("language", "script"))
            yield _measured_share(name, count, rows, history, "below" if lost else "above")


def _count(one: RunStatistics, name: str) -> tuple[int, int]:
    """How many rows of how many; a kind that did not occur occurred in none."""
    if name in one.shares:
        return one.shares[name]
    if name.startswith("failed"):
        return 0, one.tried
    return (0, one.read) if name.startswith(("language", "script")) else (0, 0)


def _slices(newest: RunStatistics, earlier: Sequence[RunStatistics]) -> Iterator[_Measured]:
    """Slices that lose rows. What they are by must be there still, in few values."""
    for by, counts in newest.slices.items():
        history = [one for one in earlier if by in one.slices]
        for value in dict.fromkeys(name for one in history for name in one.slices[by]):
            yield _measured_share(
                f"slice: {by} = {value}",
                counts.get(value, 0),
                newest.read,
                [(one.slices[by].get(value, 0), one.read) for one in history],
                "below",
            )


def _measured_share(
    name: str, count: int, rows: int, history: Sequence[tuple[int, int]], side: Side
) -> _Measured:
    return _Measured(
        measure=name,
        side=side,
        value=count / rows,
        usual=median(some / of for some, of in history),
        noise=1 / math.sqrt(rows + 0.5),
        history=[_angle(*some) for some in history],
        told=partial(_share, rows=rows),
    )


def _means(newest: RunStatistics, earlier: Sequence[RunStatistics]) -> Iterator[_Measured]:
    for name, (mean, deviation, rows) in newest.means.items():
        history = [one.means[name] for one in earlier if name in one.means]
        if not history:
            continue
        # A deviation of few numbers may be small by chance.
        deviation = max(deviation, median(one[1] for one in history))  # noqa: PLW2901
        yield _Measured(
            measure=name,
            side="both",
            value=mean,
            usual=median(one[0] for one in history),
            noise=deviation / math.sqrt(rows),
            history=[one[0] for one in history],
            told=float,
        )


def _speed(
    newest: RunStatistics, earlier: Sequence[RunStatistics], z: float
) -> Iterator[_Measured]:
    """Against what nights of this size reach; none where the earlier ones do not tell that."""
    nights = [(one.tried, one.seconds) for one in earlier]
    length = fit_length(nights, 2 * NormalDist().cdf(z) - 1)
    rows = newest.tried
    if not length.is_known(rows):
        return
    history = [math.log(length.usual(tried) / seconds) for tried, seconds in nights]
    yield _Measured(
        measure="rows a second",
        side="below",
        value=rows / newest.seconds,
        usual=math.exp(median(history)) * rows / length.usual(rows),
        noise=1 / math.sqrt(rows),
        history=history,
        told=lambda relative: math.exp(relative) * rows / length.longest(rows),
    )


def _angle(count: int, rows: int) -> float:
    return 2 * math.asin(math.sqrt((count + 3 / 8) / (rows + 3 / 4)))


def _share(angle: float, *, rows: int) -> float:
    """The share of so many rows whose angle this is; 0 or 1 where no share has it."""
    count = math.sin(min(max(angle, 0.0), math.pi) / 2) ** 2 * (rows + 3 / 4) - 3 / 8
    return min(max(count / rows, 0.0), 1.0)
