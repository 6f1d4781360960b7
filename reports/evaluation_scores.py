"""The scores of an evaluation beside those of earlier ones, as a page shows them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.formatting import DASH
from schemas.manifest import RunManifest
from schemas.score import ALL, Score
from storage.evaluation.scores import read_scores
from storage.store import Store

MOST_EARLIER = 20
"""Earlier evaluations in a page."""

_COMPARED = ("kind", "references", "benchmark", "annotations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """An evaluation and its scores, by metric and slice.

    Attributes:
        like_shown: whether it was of the same kind, against the same references, as the one that
            the page is about.

    """

    run: RunManifest
    scores: Mapping[tuple[str, str], Score]
    like_shown: bool

    @property
    def references(self) -> str:
        """What its results were compared with."""
        config = self.run.config
        named = config.get("benchmark") or config.get("references")
        return str(named) if named else "what the results hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value and its interval on a scale, in percent of its length; ``low`` is None without."""

    at: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLine:
    """A metric of all rows.

    Attributes:
        plot: on a scale of ``bottom`` to ``top``; None where there is no value.
        before: the value of the newest evaluation before that is like it.
        change: from that value to this one.
        trend: that and those before it and this one, the oldest first; empty of one alone.

    """

    score: Score
    bottom: float
    top: float
    plot: Interval | None
    before: float | None
    change: float | None
    trend: tuple[Interval, ...]


def read_evaluations(
    store: Store, shown: RunManifest, manifests: Iterable[RunManifest]
) -> list[Evaluation]:
    """Read the scores of an evaluation, and of the newest of those before it.

    Args:
        manifests: of all finished runs, the newest first.

    """
    alike = [one for one in manifests if one.job == shown.job]
    place = next(at for at, one in enumerate(alike) if one.run_id == shown.run_id)
    earlier = alike[place + 1 :]
    asked = [shown.config.get(name) for name in _COMPARED]
    found = []
    for run in (shown, *earlier[:MOST_EARLIER]):
        scores = {(one.metric, one.slice): one for one in read_scores(store, run)}
        if scores or run is shown:
            like = [run.config.get(name) for name in _COMPARED] == asked
            found.append(Evaluation(run=run, scores=scores, like_shown=like))
    return found


def metrics_of(evaluations: Iterable[Evaluation]) -> list[str]:
    """The metrics of evaluations, in the order of the first."""
    return list(dict.fromkeys(metric for one in evaluations for metric, _ in one.scores))


def slices_of(evaluation: Evaluation) -> list[str]:
    """The slices that an evaluation has scores of, all rows aside."""
    return [one for one in dict.fromkeys(name for _, name in evaluation.scores) if one != ALL]


def score_lines(evaluations: Sequence[Evaluation]) -> list[ScoreLine]:
    """The scores of all rows of the first evaluation, beside those of the others like it."""
    shown, *earlier = evaluations
    alike = [one for one in earlier if one.like_shown]
    return [
        _line(score, [one.scores[name] for one in alike if name in one.scores])
        for name, score in shown.scores.items()
        if name[1] == ALL
    ]


def told(value: float | None) -> str:
    """A value with four decimal places; a dash where there is none."""
    return DASH if value is None or math.isnan(value) else f"{value:,.4f}"


def as_data(evaluation: Evaluation, metrics: Sequence[str], slices: Sequence[str]) -> list[Any]:
    """Scores for a page's script: metric and slice by number, value, low, high, count."""
    metric_at = {name: at for at, name in enumerate(metrics)}
    slice_at = {name: at for at, name in enumerate(slices)}
    return [
        [
            metric_at[one.metric],
            slice_at.get(one.slice, -1),
            *map(_known, (one.value, one.low, one.high)),
            one.count,
        ]
        for one in evaluation.scores.values()
        if one.slice == ALL or one.slice in slice_at
    ]


def _line(score: Score, before: Sequence[Score]) -> ScoreLine:
    bottom, top = scale_of([score, *before])
    last = _known(before[0].value) if before else None
    now = _known(score.value)
    trend = [*reversed(before), score] if before else []
    ends = [value for one in trend for value in (one.value, one.low, one.high)]
    known = [value for value in map(_known, ends) if value is not None]
    # A trend is about differences: its scale is that of what is in it.
    within = (min(known), max(known)) if known else (0.0, 1.0)
    placed = [_interval(one, *within) for one in trend]
    return ScoreLine(
        score=score,
        bottom=bottom,
        top=top,
        plot=_interval(score, bottom, top),
        before=last,
        change=now - last if now is not None and last is not None else None,
        trend=tuple(one for one in placed if one is not None),
    )


def _interval(score: Score, bottom: float, top: float) -> Interval | None:
    value, low, high = map(_known, (score.value, score.low, score.high))
    if value is None:
        return None
    length = top - bottom or 1.0

    def place(one: float) -> float:
        return 100 * (one - bottom) / length

    return Interval(
        at=place(value),
        low=None if low is None or high is None else place(low),
        high=None if low is None or high is None else place(high),
    )


def scale_of(scores: Iterable[Score]) -> tuple[float, float]:
    """A scale from 0, or below, to 1, or the next of 2, 5 and 10 with their tenfolds."""
    ends = [value for one in scores for value in (one.value, one.low, one.high)]
    known = [value for value in map(_known, ends) if value is not None]
    lowest = min(known, default=0.0)
    bottom = -_round_up(-lowest) if lowest < 0 else 0.0
    return bottom, max(_round_up(max(known, default=1.0)), 1.0)


def _round_up(value: float) -> float:
    if value <= 0:
        return 0.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10, 20) if step * power >= value)


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
