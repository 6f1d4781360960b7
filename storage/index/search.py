"""Searching: the best candidates of each shard, scored from the stored vectors, and merged."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import UsageError
from storage.index.ids import Rows
from storage.index.kinds import FAISS, inner_index
from storage.index.opened import OpenIndex, OpenShard
from storage.index.settings import TUNED_NEIGHBORS, SearchSettings
from storage.index.vectors import Vectors, check_queries

Scores = NDArray[np.float32]

NOTHING = -np.inf


class Hit(NamedTuple):
    """A neighbour.

    Attributes:
        id: the catalog's.
        score: inner product of the query and the stored vector, in float32.
        row: in the index, see :meth:`OpenIndex.vectors`.

    """

    id: str
    score: float
    row: int


def search(index: OpenIndex, queries: Vectors, k: int, settings: SearchSettings) -> list[list[Hit]]:
    """Find the nearest neighbours of some queries.

    Args:
        index: where to look.
        queries: float32 array of shape (queries, dimension), each of length 1. A few hundred at
            once are searched faster than one by one.
        k: how many neighbours.
        settings: how far to look.

    Returns:
        For each query its neighbours, the best first and those of like score by id; fewer than
        ``k`` where fewer are found.

    Raises:
        UsageError: ``k`` is below 1.
        VectorError: a query is not finite, not of length 1 or not of the index's dimension.

    """
    scores, rows = search_rows(index, queries, k, settings)
    found = rows >= 0
    hits = list(map(Hit, index.ids(rows[found]), scores[found].tolist(), rows[found].tolist()))
    ends = np.cumsum(found.sum(axis=1)).tolist()
    return [hits[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def search_rows(
    index: OpenIndex, queries: Vectors, k: int, settings: SearchSettings
) -> tuple[Scores, Rows]:
    """Do what :func:`search` does, in arrays.

    Returns:
        Scores, float32, and rows, int64, both of shape (queries, k). Where fewer are found, the
        rest of the scores is minus infinity and that of the rows -1.

    """
    if k < 1:
        raise UsageError(f"One neighbour or more must be asked for, not {k}.")
    check_queries(queries, index.version.dimension)
    queries = np.ascontiguousarray(queries)
    count = max(k, TUNED_NEIGHBORS) * settings.factor
    found = []
    for shard, start in zip(index.shards, index.starts.tolist(), strict=False):
        scores, rows = _candidates(shard, queries, count, settings)
        found.append((scores, np.where(rows < 0, -1, rows + start) if start else rows))
    if len(found) == 1:
        return _first(index, *found[0], k)
    return best(
        index, np.hstack([one[0] for one in found]), np.hstack([one[1] for one in found]), k
    )


def best(index: OpenIndex, scores: Scores, rows: Rows, k: int) -> tuple[Scores, Rows]:
    """Sort candidates by score, those of like score by id, and keep the first.

    Args:
        index: has the ids.
        scores: float32 array of shape (queries, candidates).
        rows: int64 array of that shape; -1 where there is no candidate.
        k: how many to keep.

    Returns:
        Scores and rows of shape (queries, k), filled up as those of :func:`search_rows`.

    """
    order = np.argsort(-scores, axis=1, kind="stable")
    sorted_rows = np.take_along_axis(rows, order, axis=1)
    return _first(index, np.take_along_axis(scores, order, axis=1), sorted_rows, k)


def _first(index: OpenIndex, scores: Scores, rows: Rows, k: int) -> tuple[Scores, Rows]:
    """Keep the first of candidates that are sorted by score, those of like score by id."""
    if scores.shape[1] < k:
        missing = ((0, 0), (0, k - scores.shape[1]))
        scores = np.pad(scores, missing, constant_values=NOTHING)
        rows = np.pad(rows, missing, constant_values=-1)
    # One more than is kept: whoever ties with the last one may be the one to keep.
    edge = scores[:, : k + 1]
    tied = ((edge[:, 1:] == edge[:, :-1]) & (edge[:, 1:] > NOTHING)).any(axis=1)
    if tied.any():
        rows[tied] = _ties_sorted_by_id(index, scores[tied], rows[tied])
    return scores[:, :k], rows[:, :k]


def _ties_sorted_by_id(index: OpenIndex, scores: Scores, rows: Rows) -> Rows:
    """Rows of some queries, sorted by score, in the order of their ids where scores are alike."""
    alike = np.zeros(rows.shape, bool)
    alike[:, 1:] = scores[:, 1:] == scores[:, :-1]
    alike[:, :-1] |= alike[:, 1:]
    # What is missing has the lowest score, and stays behind.
    alike &= rows >= 0
    # Ids are looked up on disk: those of rows that tie, and no others.
    ids = index.ids(rows[alike])
    places = {name: place for place, name in enumerate(sorted(set(ids)))}
    by_id = np.zeros_like(rows)
    by_id[alike] = [places[name] for name in ids]
    return np.take_along_axis(rows, np.lexsort((by_id, -scores), axis=-1), axis=1)


def _candidates(
    shard: OpenShard, queries: Vectors, count: int, settings: SearchSettings
) -> tuple[Scores, Rows]:
    """The rows that FAISS finds nearest, scored from the stored vectors, the best first.

    Every pair is scored alike, whatever stands beside it, so equal vectors get equal scores.

    Returns:
        Float32 and int64 arrays of shape (queries, candidates).

    """
    count = min(count, len(shard))
    if not count:
        return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
    params = _parameters(shard, settings)
    if shard.rescoring is None:
        scores, rows = shard.index.search(queries, count, params=params)
    else:
        refining = FAISS.IndexRefineSearchParameters(k_factor=1, base_index_params=params)
        scores, rows = shard.rescoring.search(queries, count, params=refining)
    if (rows[:, -1] < 0).any():  # what is missing comes last
        scores[rows < 0] = NOTHING
    return scores, rows


def _parameters(shard: OpenShard, settings: SearchSettings) -> Any:
    inner = inner_index(shard.index)
    match shard.record.kind:
        case "ivf":
            params = FAISS.SearchParametersIVF(nprobe=min(settings.nprobe, inner.nlist))
        case "hnsw":
            params = FAISS.SearchParametersHNSW(efSearch=settings.ef_search)
        case "flat":
            params = FAISS.SearchParameters()
    if shard.selector is not None:
        params.sel = shard.selector
    if isinstance(shard.index, FAISS.IndexPreTransform):
        return FAISS.SearchParametersPreTransform(index_params=params)
    return params
