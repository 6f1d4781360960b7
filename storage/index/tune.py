"""Finding search parameters: the cheapest of a grid that reach a recall on held-out queries.

Cost is counted, not timed, so the same index and queries always give the same parameters.
"""

from dataclasses import dataclass

import numpy as np

from schemas.errors import UsageError
from storage.index.exact import exact_search, recall
from storage.index.kinds import FAISS, inner_index
from storage.index.opened import OpenIndex, OpenShard
from storage.index.search import Scores, search_rows
from storage.index.settings import SearchSettings
from storage.index.vectors import Vectors

_K = 10
_FACTORS = (1, 2, 4, 8, 16, 32, 64)
_EF = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
_FETCH_WEIGHT = 4
"""A stored vector is read at random and converted; a code is one of a row that is scanned."""


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

    For each number of candidates the least effort that reaches the target is found by halving:
    recall grows with either.

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
    truth = exact_search(index, queries, _K)[0]
    efforts = _efforts(index)
    tried = []
    for factor in (1,) if index.exact else _FACTORS:
        tried.append(_try(index, queries, truth, efforts[-1], factor, target))
        if not tried[-1].reached:
            continue
        low, high = 0, len(efforts) - 1
        while low < high:
            middle = (low + high) // 2
            tried.append(_try(index, queries, truth, efforts[middle], factor, target))
            if tried[-1].reached:
                high = middle
            else:
                low = middle + 1
    reached = [one for one in tried if one.reached]
    if reached:
        return min(reached, key=lambda one: one.cost)
    return max(tried, key=lambda one: (one.recall, -one.cost))


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
    reaches = recall(search_rows(index, queries, _K, settings)[0], truth, _K)
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
        min(_K * settings.factor, len(shard)) * shard.vectors.itemsize * shard.vectors.shape[1]
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
