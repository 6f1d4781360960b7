"""Exact search over the stored vectors, and what a search finds of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.index.ids import Rows
from storage.index.kinds import FAISS
from storage.index.mapping import as_float32, index_in_place
from storage.index.opened import OpenIndex
from storage.index.search import NOTHING, Scores, best
from storage.index.vectors import Vectors, check_queries

_BLOCK_BYTES = 16 << 20
_MARGIN = 8
"""Candidates beyond k: FAISS's own scores are rounded otherwise than ours."""


def exact_search(index: OpenIndex, queries: Vectors, k: int) -> tuple[Scores, Rows]:
    """Find the nearest neighbours by looking at every vector that is not removed.

    Args:
        index: where to look.
        queries: float32 array of shape (queries, dimension), each of length 1.
        k: how many neighbours.

    Returns:
        Scores and rows, as :func:`storage.index.search.search_rows` gives them.

    Raises:
        VectorError: a query is not finite, not of length 1 or not of the index's dimension.

    """
    check_queries(queries, index.version.dimension)
    scores = np.empty((len(queries), 0), np.float32)
    rows = np.empty((len(queries), 0), np.int64)
    step = max(_BLOCK_BYTES // (4 * index.version.dimension), 1)
    for shard, start in zip(index.shards, index.starts.tolist(), strict=False):
        for at in range(0, len(shard), step):
            stop = min(at + step, len(shard))
            first, last = np.searchsorted(shard.removed, (at, stop))
            gone = shard.removed[first:last]
            block = np.setdiff1d(np.arange(at, stop), gone, assume_unique=True)
            if not len(block):
                continue
            found, places = _nearest(shard.vectors[block], queries, k + _MARGIN)
            scores = np.hstack([scores, found])
            rows = np.hstack([rows, block[places] + start])
            scores, rows = best(index, scores, rows, k)
    return best(index, scores, rows, k)


def _nearest(vectors: NDArray[np.floating[Any]], queries: Vectors, k: int) -> tuple[Scores, Rows]:
    """Scores of the nearest of a block of stored vectors, and their places in it."""
    wide = as_float32(vectors)
    index = FAISS.IndexRefine(index_in_place(wide), index_in_place(vectors))
    found: tuple[Scores, Rows] = index.search(queries, min(k, len(vectors)))
    return found


def recall(scores: Scores, truth: Scores, k: int) -> float:
    """Say which share of the k nearest neighbours a search has found, averaged over queries.

    Neighbours are told by their scores, so that of several as near as the last one any counts.

    Args:
        scores: of what was found, float32 array of shape (queries, k or more), the best first.
        truth: scores of exact search, likewise.
        k: how many neighbours count.

    Returns:
        Between 0 and 1. Queries that have no neighbours at all are left out; 1 if none has any.

    """
    there = truth[:, :k] > NOTHING
    counts = there.sum(axis=1)
    asked = counts > 0
    if not asked.any():
        return 1.0
    last = np.where(there, truth[:, :k], np.inf).min(axis=1)
    hits = (scores[:, :k] >= last[:, None]).sum(axis=1)
    return float((hits[asked] / counts[asked]).mean())
