"""Two evaluations compared, in one pass over their pairs of rows, or two where CIDEr is weighed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.comparison import ComparedRow, Difference
from schemas.score import ALL
from storage.evaluation.pairs import PairedRows, Pairs, Side
from transforms.comparison.corpus_statistics import (
    CorpusCounter,
    corpus_metrics,
    count_documents,
)
from transforms.comparison.differences import differences
from transforms.comparison.gains import Gains
from transforms.comparison.paired_sums import PairedScores, PairedSums

EXAMPLES = 24
"""Of wins, and of losses."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the pass found.

    Attributes:
        differences: of all rows first, then slice by slice.
        wins, losses: by metric, those of all mean metrics; none where no row differs.
        weighed_anew: whether CIDEr was computed anew.

    """

    differences: list[Difference]
    wins: dict[str, tuple[ComparedRow, ...]]
    losses: dict[str, tuple[ComparedRow, ...]]
    weighed_anew: bool


def compare_pairs(
    pairs: Pairs, kind: str, means: Sequence[str], progress: Callable[[int], None]
) -> Compared:
    """Compare the rows of two evaluations.

    CIDEr's weights of n-grams are those of the rows that were scored. Where these are not the same
    in both, its scores are computed anew by the weights of the pairs.

    Args:
        kind: what was evaluated.
        means: metrics that are means of rows' scores and that both have.
        progress: told how many pairs are done.

    """
    weighs = kind == "captions" and bool(pairs.only_a.count or pairs.only_b.count)
    counter = CorpusCounter(kind, count_documents(pairs) if weighs else None)
    corpus = corpus_metrics(kind)
    statistics = sum(len(metric.statistics) for metric in corpus)
    sums = {ALL: PairedSums(len(means), statistics)}
    wins = {name: Gains(EXAMPLES) for name in means}
    losses = {name: Gains(EXAMPLES) for name in means}
    done = 0
    for rows in pairs:
        counted_a, counted_b = counter.count(rows)
        a = {**_scores(rows.a, means), **counted_a.scores}
        b = {**_scores(rows.b, means), **counted_b.scores}
        scores = PairedScores.of(
            rows.keys,
            np.column_stack([a[name] for name in means]),
            np.column_stack([b[name] for name in means]),
            np.concatenate([counted_a.statistics, counted_b.statistics], axis=1),
        )
        sums[ALL].add(scores)
        for name, places in _by_slice(rows).items():
            if name not in sums:
                sums[name] = PairedSums(len(means), statistics)
            sums[name].add(scores, places)
        for column, name in enumerate(means):
            first, second = scores.a[:, column], scores.b[:, column]
            wins[name].add(rows, first, second, second - first)
            losses[name].add(rows, first, second, first - second)
        done += len(rows.keys)
        progress(done)
    return Compared(
        differences=differences(sums, means, corpus),
        wins={name: some.rows() for name, some in wins.items()},
        losses={name: some.rows() for name, some in losses.items()},
        weighed_anew=weighs,
    )


def _scores(side: Side, means: Sequence[str]) -> dict[str, Floats]:
    return {name: side.scores[:, side.metrics.index(name)] for name in means}


def _by_slice(rows: PairedRows) -> dict[str, NDArray[np.int64]]:
    places: dict[str, list[int]] = {}
    for place, names in enumerate(rows.slices):
        for name in names:
            places.setdefault(name, []).append(place)
    return {name: np.array(some) for name, some in places.items()}
