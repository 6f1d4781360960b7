"""The differences between two models that sums over pairs of rows make."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from schemas.comparison import Difference, Verdict
from schemas.score import ALL
from transforms.comparison.bootstrap import bootstrap_p_value, standard_error
from transforms.comparison.holm import holm
from transforms.comparison.paired_sums import PairedSums
from transforms.comparison.power import detectable, rows_needed
from transforms.comparison.sign_flips import flip_p_values
from transforms.metrics.interval import interval
from transforms.metrics.metric import Metric, quotient

LEVEL = 0.05

Floats = NDArray[np.float64]


def differences(
    sums: Mapping[str, PairedSums], means: Sequence[str], corpus: Sequence[Metric]
) -> list[Difference]:
    """Say of each metric and slice how B differs from A.

    Args:
        sums: by slice.
        means: names of the metrics that are means, in the order of the sums.
        corpus: the others.

    Returns:
        The slice of all rows first, then by name; p-values adjusted by Holm's method over the
        slices of each metric, all rows aside.

    """
    found = [
        one
        for name in sorted(sums, key=lambda name: (name != ALL, name))
        for one in (*_of_means(name, sums[name], means), *_of_corpus(name, sums[name], corpus))
    ]
    adjusted = _adjusted(found)
    return [
        replace(one, p_adjusted=p, verdict=_verdict(one.difference, p))
        for one, p in zip(found, adjusted, strict=True)
    ]


def _adjusted(found: Sequence[Difference]) -> list[float | None]:
    adjusted = [one.p for one in found]
    for metric in {one.metric for one in found}:
        places = [
            place
            for place, one in enumerate(found)
            if one.metric == metric and one.slice != ALL and one.p is not None
        ]
        p_values = [p for place in places if (p := found[place].p) is not None]
        for place, p in zip(places, holm(p_values), strict=True):
            adjusted[place] = p
    return adjusted


def _verdict(difference: float, p: float | None) -> Verdict:
    if p is None or p > LEVEL:
        return Verdict.UNKNOWN
    return Verdict.BETTER if difference > 0 else Verdict.WORSE


def _of_means(name: str, sums: PairedSums, means: Sequence[str]) -> Iterator[Difference]:
    count = len(means)
    summed = sums.b - sums.a
    p_values = flip_p_values(summed, sums.flipped, sums.absolute, sums.squared)
    replicates = quotient(sums.replicates[count : 2 * count], sums.replicates[:count])
    for place, metric in enumerate(means):
        rows = int(sums.rows[place])
        if not rows:
            continue
        mean = float(summed[place]) / rows
        error = math.nan
        if rows > 1:
            spread = max(float(sums.squared[place]) - rows * mean**2, 0.0)
            error = math.sqrt(spread / (rows - 1) / rows)
        wins, losses = int(sums.wins[place]), int(sums.losses[place])
        yield _difference(
            metric=metric,
            name=name,
            values=(float(sums.a[place]) / rows, float(sums.b[place]) / rows),
            difference=mean,
            replicates=replicates[place],
            error=error,
            p=float(p_values[place]) if rows > 1 else None,
            rows=rows,
            counts=(wins, losses, rows - wins - losses),
        )


def _of_corpus(name: str, sums: PairedSums, corpus: Sequence[Metric]) -> Iterator[Difference]:
    size = len(sums.corpus) // 2
    drawn = sums.replicates[len(sums.replicates) - 2 * size :]
    start = 0
    for metric in corpus:
        end = start + len(metric.statistics)
        of_a, of_b = slice(start, end), slice(size + start, size + end)
        a, b = metric.finish(sums.corpus[of_a]), metric.finish(sums.corpus[of_b])
        replicates = metric.finish(drawn[of_b].T) - metric.finish(drawn[of_a].T)
        rows = round(float(sums.corpus[start]))
        start = end
        for place, one in enumerate(metric.names):
            difference = float(b[place] - a[place])
            if math.isnan(difference):
                continue
            error = standard_error(replicates[:, place], rows)
            yield _difference(
                metric=one,
                name=name,
                values=(float(a[place]), float(b[place])),
                difference=difference,
                replicates=replicates[:, place],
                error=error,
                p=bootstrap_p_value(difference, error, rows),
                rows=rows,
                counts=(None, None, None),
            )


def _difference(
    *,
    metric: str,
    name: str,
    values: tuple[float, float],
    difference: float,
    replicates: Floats,
    error: float,
    p: float | None,
    rows: int,
    counts: tuple[int | None, int | None, int | None],
) -> Difference:
    low, high = interval(replicates, rows)
    known = not math.isnan(low)
    told = not math.isnan(error)
    wins, losses, ties = counts
    return Difference(
        metric=metric,
        slice=name,
        a=values[0],
        b=values[1],
        difference=difference,
        low=low if known else None,
        high=high if known else None,
        p=p,
        p_adjusted=p,
        verdict=Verdict.UNKNOWN,
        rows=rows,
        wins=wins,
        losses=losses,
        ties=ties,
        detectable=detectable(error) if told else None,
        rows_needed=rows_needed(difference, error, rows) if told else None,
    )
