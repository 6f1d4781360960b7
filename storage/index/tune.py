"""Finding search parameters: the cheapest of a grid that reach a recall on held-out queries.

Cost is counted, not timed, so the same index and queries always give the same parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from schemas.errors import UsageError
from storage.index.exact import exact_search, recall
from storage.index.kinds import FAISS, inner_index
from storage.index.opened import OpenIndex, OpenShard
from storage.index.search import Scores, search_rows
from storage.index.settings import TUNED_NEIGHBORS, SearchSettings
from storage.index.vectors import Vectors

_FACTORS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_EF = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
_FETCH_WEIGHT = 2
"""A stored vector is read at random; a code is one of a row that is scanned. Near what was timed
with vectors that are in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """Parameters that were found.

    Attributes:
        settings: the parameters.
        recall: recall@10 that they reach on the held-out queries.
        reached: whether that is the target; if not, nothing of the grid reaches it, and these come
            nearest.
        cost: bytes that a query has to look at, on average; weighted, so of use for comparison
            only.

    """

    settings: SearchSettings
    recall: float
    reached: bool
    cost: float


def tune(index: OpenIndex, queries: Vectors, *, target: float) -> Tuned:
    """Find the cheapest parameters whose recall@10 reaches a target.

    Recall grows with the effort and with the number of candidates. So the most candidates are tried
    first, which need the least effort; fewer need as much or more, and are tried for as long as
    they come cheaper. An effort beyond what is needed is never tried by far: the largest looks at
    all vectors.

    Args:
        index: to be searched.
        queries: held-out vectors, such as are not in the index: float32 array of shape (queries,
            dimension). A thousand tell recalls 0.01 apart.
        target: recall@10 to reach, above 0 and at most 1.

    Raises:
        UsageError: the target is out of range, or there are no queries.
        VectorError: a query is not finite, not of length 1 or not of the index's dimension.

    """
    if not 0 < target <= 1:
        raise UsageError(f"The recall to reach must be above 0 and at most 1, not {target}.")
    if not len(queries):
        raise UsageError("Tuning needs held-out queries. Keep some vectors out of the index.")
    truth = exact_search(index, queries, TUNED_NEIGHBORS)[0]
    efforts = _efforts(index)
    cheapest: Tuned | None = None
    low = 0
    for factor in (1,) if index.exact else reversed(_FACTORS):

        def at(effort: int, factor: int = factor) -> Tuned:
            return _try(index, queries, truth, efforts[effort], factor, target)

        found, low = _least(at, low, len(efforts) - 1, cheapest)
        if not found.reached and cheapest is None:
            return found
        if found.reached and (cheapest is None or found.cost < cheapest.cost):
            cheapest = found
    assert cheapest is not None
    return cheapest


def _least(
    at: Callable[[int], Tuned], low: int, last: int, cheapest: Tuned | None
) -> tuple[Tuned, int]:
    """The least effort that reaches the target, from one on that may: by doubling, then halving.

    Returns:
        What was tried there, and its place; of a try that does not reach the target where nothing
        does, or nothing that is cheaper than what is known.

    """
    high, step = low, 1
    found = at(high)
    while not found.reached:
        low = high + 1
        if high == last or (cheapest is not None and found.cost >= cheapest.cost):
            return found, high
        high, step = min(high + step, last), 2 * step
        found = at(high)
    while low < high:
        middle = (low + high) // 2
        tried = at(middle)
        if tried.reached:
            found, high = tried, middle
        else:
            low = middle + 1
    return found, high


def _efforts(index: OpenIndex) -> list[int]:
    """Numbers of clusters, or of vectors in sight, from the least to the most."""
    if index.kind == "flat":
        return [1]
    if index.kind == "hnsw":
        return list(_EF)
    clusters = max(int(inner_index(shard.index).nlist) for shard in index.shards)
    steps = [
        step for power in range(clusters.bit_length()) for step in (2**power, 3 * 2**power // 2)
    ]
    return sorted({step for step in steps if step < clusters} | {clusters})


def _try(
    index: OpenIndex, queries: Vectors, truth: Scores, effort: int, factor: int, target: float
) -> Tuned:
    settings = SearchSettings(
        nprobe=effort if index.kind == "ivf" else 1,
        ef_search=effort if index.kind == "hnsw" else 16,
        factor=factor,
    )
    reaches = recall(
        search_rows(index, queries, TUNED_NEIGHBORS, settings)[0], truth, TUNED_NEIGHBORS
    )
    return Tuned(
        settings=settings,
        recall=reaches,
        reached=reaches >= target,
        cost=sum(_cost(shard, queries, settings) for shard in index.shards),
    )


def _cost(shard: OpenShard, queries: Vectors, settings: SearchSettings) -> float:
    inner = inner_index(shard.index)
    if shard.record.kind == "hnsw":
        codes, size = float(settings.ef_search), inner.storage.sa_code_size()
    elif shard.record.kind == "flat":
        codes, size = float(len(shard)), inner.sa_code_size()
    else:
        codes, size = _codes_in_clusters(shard, queries, settings.nprobe), inner.code_size
    fetched = (
        min(TUNED_NEIGHBORS * settings.factor, len(shard))
        * shard.vectors.itemsize
        * shard.vectors.shape[1]
    )
    return float(codes * size + _FETCH_WEIGHT * fetched)


def _codes_in_clusters(shard: OpenShard, queries: Vectors, nprobe: int) -> float:
    """How many codes are scanned for a query, on average."""
    inner = inner_index(shard.index)
    sizes = np.array([inner.invlists.list_size(at) for at in range(inner.nlist)])
    if isinstance(shard.index, FAISS.IndexPreTransform):
        chain = shard.index.chain
        for at in range(chain.size()):
            queries = chain.at(at).apply(queries)
    near = inner.quantizer.search(queries, min(nprobe, inner.nlist))[1]
    return float(sizes[near].sum(axis=1).mean())
