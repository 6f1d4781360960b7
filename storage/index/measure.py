"""Measuring an index on held-out queries: what its card says."""

import time
from collections.abc import Callable

from schemas.errors import UsageError
from storage.index.card import IndexCard
from storage.index.exact import exact_search, recall
from storage.index.opened import OpenIndex
from storage.index.search import search, search_rows
from storage.index.settings import SearchSettings
from storage.index.shard import INDEX, LISTS
from storage.index.vectors import Vectors

_RECALLS = (1, 10, 100)


def measure_card(
    index: OpenIndex,
    queries: Vectors,
    *,
    factory: str,
    why: str,
    settings: SearchSettings,
    target: float,
    clock: Callable[[], float] = time.perf_counter,
) -> IndexCard:
    """Measure an index.

    Args:
        index: to be measured.
        queries: held-out vectors: float32 array of shape (queries, dimension).
        factory: FAISS's description of it.
        why: why it was chosen, one sentence.
        settings: parameters to search with.
        target: recall@10 that was to be reached.
        clock: seconds.

    Raises:
        UsageError: there are no queries, or no vectors.
        VectorError: a query is not finite, not of length 1 or not of the index's dimension.

    """
    if not len(queries) or not len(index):
        raise UsageError("Measuring an index needs held-out queries, and vectors to find.")
    truth = exact_search(index, queries, max(_RECALLS))[0]
    recalls = {k: recall(search_rows(index, queries, k, settings)[0], truth, k) for k in _RECALLS}
    started = clock()
    search(index, queries, 10, settings)
    seconds = clock() - started
    codes, stored = _sizes(index)
    rows = sum(len(shard) for shard in index.shards)
    version = index.version
    return IndexCard(
        kind=index.kind,
        factory=factory,
        why=why,
        bytes_per_vector=codes / rows,
        stored_bytes_per_vector=stored / rows,
        count=len(index),
        dimension=version.dimension,
        model=version.model,
        revision=version.revision,
        modality=version.modality,
        settings=settings,
        target=target,
        recall=recalls,
        queries=len(queries),
        milliseconds_per_query=1000 * seconds / len(queries),
    )


def _sizes(index: OpenIndex) -> tuple[int, int]:
    """Bytes of FAISS's files, and of the other ones."""
    codes = stored = 0
    for shard in index.shards:
        for name, file in shard.record.files.items():
            if name in (INDEX, LISTS):
                codes += file.size
            else:
                stored += file.size
    return codes, stored
