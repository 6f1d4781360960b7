"""The metrics of retrieval, query by query."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.metric import Metric, mean_of, quotient

CUTS = (1, 5, 10)
"""Neighbours that are looked at."""

MOST_RANKS = 100
"""Ranks that the median is told of."""

Floats = NDArray[np.float64]


def _median(sums: Floats) -> Floats:
    """The lowest rank that half of the queries reach; infinite where fewer do within the ranks."""
    rows, at_rank = sums[..., 0], sums[..., 1:]
    reached = np.cumsum(at_rank, axis=-1) >= rows[..., None] / 2
    median = np.where(reached.any(axis=-1), reached.argmax(axis=-1) + 1.0, math.inf)
    return np.where(rows > 0, median, math.nan)[..., None]


def _cut(cut: int) -> Metric:
    """Recall and hit rate among the first neighbours, where any list is as long."""

    def finish(sums: Floats) -> Floats:
        rows, as_long = sums[..., :1], sums[..., 1:2]
        return np.where(as_long > 0, quotient(sums[..., 2:], rows), math.nan)

    return Metric(
        names=(f"recall_at_{cut}", f"hit_rate_at_{cut}"),
        statistics=("rows", "as_long", "recall", "hit"),
        finish=finish,
        shares={f"hit_rate_at_{cut}": "rows"},
    )


RETRIEVAL_METRICS = (
    *map(_cut, CUTS),
    mean_of("map"),
    Metric(
        names=("median_rank",),
        statistics=("rows", *(f"at_{rank}" for rank in range(1, MOST_RANKS + 1))),
        finish=_median,
    ),
)
"""What retrieval is scored by."""

RETRIEVAL_ROW_SCORES = ("average_precision", "first_rank", *(f"recall_at_{cut}" for cut in CUTS))
"""The scores of single queries."""


def score_retrieval(
    found: Sequence[Sequence[str]], relevant: Sequence[Sequence[str]]
) -> tuple[Floats, Floats]:
    """Score a block of queries.

    Args:
        found: ids of the neighbours of each query, the best first; one that comes again is counted
            where it comes first.
        relevant: ids that each is to find, one or more.

    Returns:
        :data:`RETRIEVAL_ROW_SCORES`, shape (rows, scores), where the first rank is NaN if nothing
        relevant was found, and the statistics of :data:`RETRIEVAL_METRICS`, shape
        (rows, statistics).

    """
    scores, statistics = [], []
    for names, wanted in zip(found, relevant, strict=True):
        sought = set(wanted)
        hits = np.array([name in sought for name in dict.fromkeys(names)], bool)
        ranks = np.flatnonzero(hits) + 1
        precision = float((np.arange(1, len(ranks) + 1) / ranks).sum() / len(sought))
        first = float(ranks[0]) if len(ranks) else math.nan
        cuts: list[float] = []
        recalls = []
        for cut in CUTS:
            among = int(hits[:cut].sum())
            recalls.append(among / len(sought))
            cuts += [1.0, float(len(hits) >= cut), recalls[-1], float(among > 0)]
        at_rank = np.zeros(MOST_RANKS)
        if len(ranks) and ranks[0] <= MOST_RANKS:
            at_rank[ranks[0] - 1] = 1.0
        scores.append((precision, first, *recalls))
        statistics.append((*cuts, 1.0, precision, 1.0, *at_rank.tolist()))
    width = sum(len(metric.statistics) for metric in RETRIEVAL_METRICS)
    return (
        np.array(scores, np.float64).reshape(-1, len(RETRIEVAL_ROW_SCORES)),
        np.array(statistics, np.float64).reshape(-1, width),
    )
