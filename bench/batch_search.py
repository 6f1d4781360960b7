"""Searching as the retrieval job does, a batch at a time, against a bare loop over FAISS's search.

``python -m bench.batch_search [--vectors 100000] [--dimension 512] [--batch 32 256]``: vectors of
:mod:`bench.clustered` in an index of each kind, its parameters tuned to a recall of 0.95, and as
many other vectors as queries, cut into batches. Both use all processors and the same mapped files,
in turns; medians.

What a bare loop is depends on the kind. Where codes are the vectors themselves (``IVF,Flat``) it is
``index.search`` with the same parameters. Where they are approximate, that finds less than the job
does: the ratio to it is printed, with its recall, but the bound is on the ratio to what reaches the
same recall: FAISS's own ``IndexRefineFlat`` over the same codes, with as many candidates, which
holds all vectors in memory besides.

Held to at least 0.9 of the loop's queries a second.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.bounds import held
from bench.clustered import clustered_vectors
from bench.recall_speed import Rows, overlap
from storage.index.build import build_shard
from storage.index.choose import choose_index, cluster_count
from storage.index.kinds import FAISS, inner_index
from storage.index.opened import OpenIndex, open_index
from storage.index.search import search_rows
from storage.index.train import train_index
from storage.index.tune import tune
from storage.index.version import IndexVersion

_BOUND = 0.9
_QUERIES = 2048
_ROUNDS = 9
_TARGET = 0.95
_BATCH_OF_BUILD = 4096

Vectors = NDArray[np.float32]
Search = Callable[[Vectors], Rows]


def an_index(folder: Path, factory: str, vectors: Vectors) -> OpenIndex:
    """Build an index of one shard, and open it."""
    count, dimension = vectors.shape
    choice = choose_index(count=count, dimension=dimension, memory_bytes=1 << 40, factory=factory)
    batches = (
        ([str(row) for row in range(start, start + len(some))], some)
        for start in range(0, count, _BATCH_OF_BUILD)
        for some in [vectors[start : start + _BATCH_OF_BUILD]]
    )
    trained = train_index(vectors[: choice.training_vectors], choice)
    build_shard(trained, batches, folder / factory, stored_as="float32")
    version = IndexVersion(
        model="m",
        revision="r",
        modality="image",
        dimension=dimension,
        trained="none",
        shards=(factory,),
    )
    return open_index(folder, version, model="m", revision="r")


def compare(index: OpenIndex, vectors: Vectors, queries: Vectors, batches: Sequence[int]) -> bool:
    """Print the ratios for an index; say whether the bound is held."""
    found = tune(index, queries[:500], target=_TARGET)
    settings, bare = found.settings, index.shards[0].index
    params: Any = None
    if index.kind == "ivf":
        params = FAISS.SearchParametersIVF(nprobe=min(settings.nprobe, inner_index(bare).nlist))
    searches: dict[str, Search] = {
        "job": lambda some: search_rows(index, some, 10, settings)[1],
        "bare": lambda some: bare.search(some, 10, params=params)[1],
    }
    if not index.exact:
        refined = FAISS.IndexRefineFlat(bare, FAISS.swig_ptr(vectors))
        wide = FAISS.IndexRefineSearchParameters(k_factor=settings.factor, base_index_params=params)
        searches["refined"] = lambda some: refined.search(some, 10, params=wide)[1]
    truth: Rows = FAISS.knn(queries, vectors, 10, metric=FAISS.METRIC_INNER_PRODUCT)[1]
    recalls = {who: overlap(search(queries), truth) for who, search in searches.items()}
    all_held = True
    for batch in batches:
        seconds = _timed(searches, queries, batch)
        against = "bare" if index.exact else "refined"
        ratio = seconds[against] / seconds["job"]
        rates = ", ".join(
            f"{who} {len(queries) / took:,.0f}/s at recall {recalls[who]:.3f}"
            for who, took in seconds.items()
        )
        told = (
            f"  batches of {batch}: {rates}; {seconds['bare'] / seconds['job']:.2f} of bare; "
            f"{ratio:.2f} of {against}"
        )
        all_held &= held(told, ratio, least=_BOUND)
    return all_held


def _timed(searches: dict[str, Search], queries: Vectors, batch: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {who: [] for who in searches}
    for _ in range(_ROUNDS):
        for who, search in searches.items():
            started = time.perf_counter()
            for start in range(0, len(queries), batch):
                search(queries[start : start + batch])
            seconds[who].append(time.perf_counter() - started)
    return {who: statistics.median(took) for who, took in seconds.items()}


def main() -> None:
    """Print the ratios; end with 1 if the bound is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 256])
    arguments = parser.parse_args()
    count, dimension = arguments.vectors, arguments.dimension
    vectors, queries = (
        clustered_vectors(some, dimension, seed=seed, of=count)
        for seed, some in ((1, count), (2, _QUERIES))
    )
    clusters = cluster_count(count)
    all_held = True
    with tempfile.TemporaryDirectory() as name:
        for codes in ("Flat", "SQ8", f"PQ{dimension // 2}x4fsr", f"PQ{dimension // 4}x4fsr"):
            factory = f"IVF{clusters},{codes}"
            print(factory, flush=True)
            all_held &= compare(
                an_index(Path(name), factory, vectors), vectors, queries, arguments.batch
            )
    sys.exit(0 if all_held else 1)


if __name__ == "__main__":
    main()
