"""An index after many nights of additions, against one that was built at once.

``python -m bench.index_nights [--vectors 100000] [--nights 30] [--each 3000]``: vectors of 64
dimensions of :mod:`bench.clustered`. Prints the shards, the recall of the ten nearest and the
queries a second of both, searched in turns in this process with the settings that each build tuned,
and how long a night took. Held to: as much recall as was asked for, less a hundredth, and half of
the queries a second.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.bounds import held
from bench.clustered import clustered_vectors
from bench.recall_speed import Point, overlap
from pipelines.cli import run
from storage.index.kinds import FAISS
from storage.index.opened import open_index
from storage.index.search import search_rows
from storage.index_store import open_record
from storage.store import open_store
from tests.end_to_end.embedded import write_embeddings

_DIMENSION, _QUERIES, _ROUNDS = 64, 1000, 9
_TARGET, _TRIFLE, _SHARE = 0.95, 0.01, 0.5


def build(folder: Path, index: Path) -> float:
    """Seconds that a build takes."""
    started = time.perf_counter()
    if run(["index", str(folder), str(index), "--recall", str(_TARGET), "--json"]):
        sys.exit(1)
    return time.perf_counter() - started


def searched(
    name: str, folder: Path, queries: NDArray[np.float32], truth: NDArray[np.int64]
) -> tuple[Point, int]:
    """A way to search an index, and how many shards it has."""
    version = open_record(open_store(str(folder))).version
    assert version.card is not None
    settings = version.card.settings
    index = open_index(folder, version, model=version.model, revision=version.revision)
    rows = np.arange(index.starts[-1])
    to_ids = np.array([int(one) for one in index.ids(rows)])

    def search() -> NDArray[np.int64]:
        found: NDArray[np.int64] = to_ids[search_rows(index, queries, 10, settings)[1]]
        return found

    return Point(settings=name, search=search, recall=overlap(search(), truth)), len(version.shards)


def main() -> None:
    """Measure; end with 1 if a bound is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--each", type=int, default=3000)
    options = parser.parse_args()
    count = options.vectors + options.nights * options.each
    vectors, queries = (
        clustered_vectors(size, _DIMENSION, seed=seed, of=count)
        for seed, size in ((1, count), (2, _QUERIES))
    )
    truth = FAISS.knn(queries, vectors, 10, metric=FAISS.METRIC_INNER_PRODUCT)[1]
    ids = [str(row) for row in range(count)]
    with tempfile.TemporaryDirectory() as name:
        folder, nightly, at_once = (Path(name, one) for one in ("out", "nightly", "at-once"))
        ends = [options.vectors + night * options.each for night in range(options.nights + 1)]
        seconds = []
        for start, end in zip([0, *ends], ends, strict=False):
            write_embeddings(folder, ids[start:end], vectors[start:end])
            seconds.append(build(folder, nightly))
        build(folder, at_once)
        found = [searched("nightly", nightly, queries, truth)]
        found.append(searched("at once", at_once, queries, truth))
        for _ in range(_ROUNDS):
            for point, _ in found:
                point.time()
        (after, shards), (fresh, _) = found
        print(
            f"{options.nights} nights: {shards} shards; the first build {seconds[0]:.1f} s, "
            f"a night {statistics.median(seconds[1:]):.1f} s, the longest {max(seconds[1:]):.1f} s"
        )
        recall = held(
            f"recall {after.recall:.3f}, built at once {fresh.recall:.3f}",
            after.recall,
            least=_TARGET - _TRIFLE,
        )
        ratio = after.rate(_QUERIES) / fresh.rate(_QUERIES)
        speed = held(
            f"{after.rate(_QUERIES):,.0f} queries/s, built at once {fresh.rate(_QUERIES):,.0f}: "
            f"{ratio:.2f}",
            ratio,
            least=_SHARE,
        )
    sys.exit(0 if recall and speed else 1)


if __name__ == "__main__":
    main()
