"""Each group beside all the others: how much a measure differs, and whether that is chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reports.audit.intervals import (
    mean_difference,
    mean_effect,
    mean_interval,
    share_chance,
    share_difference,
    share_effect,
    share_interval,
)
from reports.audit.tally import Figure, GroupedSums

LEAST_ROWS = 30
"""Of a group and of the others, from which on means are tested; shares always are."""

CHANCE = 0.05
"""The p value, corrected for all comparisons of an audit, below which a difference is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What is taken of each row.

    Attributes:
        name: such as ``feminine`` or ``vqa_accuracy``.
        topic: ``terms``, ``safety`` or ``quality``.
        source: the word list it is of; empty for others.

    """

    name: str
    topic: Literal["terms", "safety", "quality"]
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A measure of all rows with its 95 % interval; null of fewer than two rows."""

    measure: Measure
    rows: int
    value: float
    low: float | None
    high: float | None
    is_share: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disparity:
    """A measure of a group beside that of all other rows.

    Attributes:
        value: of the group, with ``low`` and ``high``, its 95 % interval; null of fewer than two
            rows.
        other: of the others.
        difference: of the two, with ``difference_low`` and ``difference_high``.
        effect: Cohen's h of shares, d of means.
        chance: the p value; null where too few rows are there to tell.
        corrected: likewise, corrected for all comparisons of the audit.
        found: whether chance does not explain it and it is large enough to count.

    """

    measure: Measure
    column: str
    group: str
    rows: int
    value: float
    low: float | None
    high: float | None
    other_rows: int
    other: float
    difference: float
    difference_low: float | None
    difference_high: float | None
    effect: float
    chance: float | None
    corrected: float | None = None
    found: bool = False
    is_share: bool = True


def rates(sums: GroupedSums, measures: Sequence[Measure]) -> list[Rate]:
    """The measures of all rows, those aside that no row has."""
    found = []
    for place, measure in enumerate(measures):
        figure = sums.figure(place)
        if not figure.rows:
            continue
        is_share = measure.topic != "quality" or sums.is_share(place)
        low, high = _interval(figure, is_share=is_share)
        found.append(
            Rate(
                measure=measure,
                rows=figure.rows,
                value=figure.mean,
                low=low,
                high=high,
                is_share=is_share,
            )
        )
    return found


def disparities(sums: GroupedSums, measures: Sequence[Measure]) -> list[Disparity]:
    """Each group of a column beside all the others; of two groups the first, for both say the same.

    Measures that no row has, or all rows, are left out.
    """
    groups = sorted(sums.groups)
    if len(groups) < 3:
        groups = groups[: len(groups) - 1]
    found = []
    for place, measure in enumerate(measures):
        overall = sums.figure(place)
        is_share = measure.topic != "quality" or sums.is_share(place)
        if not overall.rows or (is_share and overall.mean in {0.0, 1.0}):
            continue
        for group in groups:
            one, others = sums.figure(place, group), sums.figure(place, group, others=True)
            if one.rows and others.rows:
                found.append(_compare(measure, sums.column, group, one, others, is_share=is_share))
    return found


def counts(value: float | None, effect: float, least_effect: float) -> bool:
    """Whether a difference counts: chance does not explain it, and it is large enough.

    Args:
        value: the corrected p value; None where too few rows are there to tell.
        effect: Cohen's h, d or w.

    """
    return value is not None and value < CHANCE and abs(effect) >= least_effect


def _compare(
    measure: Measure, column: str, group: str, one: Figure, others: Figure, *, is_share: bool
) -> Disparity:
    low, high = _interval(one, is_share=is_share)
    difference = one.mean - others.mean
    difference_low = difference_high = chance = None
    if is_share:
        counts = (
            one.mean * one.effective,
            one.effective,
            others.mean * others.effective,
            others.effective,
        )
        difference_low, difference_high = share_difference(*counts)
        chance = share_chance(*counts)
        effect = share_effect(one.mean, others.mean)
    else:
        pooled = math.sqrt(
            ((one.rows - 1) * one.deviation**2 + (others.rows - 1) * others.deviation**2)
            / max(one.rows + others.rows - 2, 1)
        )
        effect = mean_effect(difference, pooled)
        if min(one.effective, others.effective) >= 2:
            difference_low, difference_high, likely = mean_difference(
                one.mean,
                one.deviation,
                one.effective,
                others.mean,
                others.deviation,
                others.effective,
            )
            chance = likely if min(one.rows, others.rows) >= LEAST_ROWS else None
    return Disparity(
        measure=measure,
        column=column,
        group=group,
        rows=one.rows,
        value=one.mean,
        low=low,
        high=high,
        other_rows=others.rows,
        other=others.mean,
        difference=difference,
        difference_low=difference_low,
        difference_high=difference_high,
        effect=effect,
        chance=chance,
        is_share=is_share,
    )


def _interval(figure: Figure, *, is_share: bool) -> tuple[float | None, float | None]:
    if is_share:
        return share_interval(figure.mean * figure.effective, figure.effective)
    if figure.effective < 2:
        return None, None
    return mean_interval(figure.mean, figure.deviation, figure.effective)
