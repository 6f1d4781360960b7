"""Building and searching an index against autofaiss, given the same vectors and the same memory.

``python -m bench.index_speed [--vectors 200000] [--dimension 512] [--bytes 2200 165]``: vectors
of :mod:`bench.clustered`; or with ``--own`` what calumma-clip makes of easy-VQA's pictures and of
parts of them. For each number of bytes a vector, which is all that either is told besides a recall
of 0.95 (autofaiss takes none), both build an index, each in a process of its own, from files to
files: Calumma with its whole job, autofaiss with ``build_index``. Then a thousand other vectors are
searched for together, ten neighbours each, on all processors, at settings of growing effort; in
turns, both in this process, with its FAISS; medians.

Both hold the bytes given in memory. Calumma's index has the vectors beside it on disk besides, from
which it scores the best again: they are mapped, and the kernel keeps of them what there is room
for. autofaiss's indexes have no such thing, so where they hold codes, their recall ends early.

The vectors come in parts of a thousand rows, as ``calumma embed`` writes them, and to autofaiss in
one file.

Held to, for each number of bytes: at the least effort with a recall of 0.95 as many queries a
second as autofaiss's index, or, where that never reaches 0.95, at the highest recall it does reach;
time and peak memory (anonymous, see :mod:`bench.measuring`) of the build at most autofaiss's; and
with the settings that were tuned by the build a recall of at least 0.95, less three times the
standard error of a thousand queries. Curves are drawn in ``build/bench``.

Of a million vectors autofaiss makes 16,384 clusters, which is some 10^14 multiplications to train.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.bounds import held
from bench.clustered import clustered_vectors
from bench.own_vectors import own_vectors
from bench.peers import peer_environment
from bench.recall_speed import Point, Rows, cheapest, fastest, overlap, tried, write_plot
from storage.index.kinds import FAISS, inner_index
from storage.index.opened import open_index
from storage.index.search import search_rows
from storage.index.settings import SearchSettings
from storage.index_store import open_record
from storage.store import open_store
from tests.end_to_end.embedded import write_embeddings

# autofaiss asks for a NumPy below 2, which later versions of pyarrow do not take; and it names
# arguments of FAISS, which later versions do not do.
_PEER = ("autofaiss==2.18.0", "faiss-cpu==1.12.0", "numpy==1.26.4", "pyarrow==21.0.0")
_QUERIES = 1000
_TARGET = 0.95
_ROUNDS = 5
_PLOTS = Path("build/bench")
_EFFORTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
_FACTORS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)

Settings = Sequence[tuple[str, Callable[[], Rows]]]


class Bench:
    """Both indexes of the same vectors."""

    def __init__(
        self, folder: Path, vectors: NDArray[np.float32], queries: NDArray[np.float32]
    ) -> None:
        self._folder = folder
        self._queries = queries
        self._count, self._dimension = vectors.shape
        exact = FAISS.knn(queries, vectors, 10, metric=FAISS.METRIC_INNER_PRODUCT)
        self._truth: Rows = exact[1]
        ids = [str(row) for row in range(self._count)]
        write_embeddings(folder / "embeddings", ids, vectors, rows_per_part=1000)
        (folder / "npy").mkdir()
        np.save(folder / "npy" / "vectors.npy", vectors)

    def compare(self, size: int) -> bool:
        """Print what both reach with so many bytes a vector; say whether the bounds are held."""
        memory = self._count * size / 1e6
        here, there = self._folder / f"ours-{size}", self._folder / f"theirs-{size}"
        build = ["-m", "bench.calumma_build", self._folder / "embeddings", here]
        ours = _run(sys.executable, *build, f"{memory:.3f}MB", _TARGET)
        python = peer_environment("autofaiss", *_PEER) / "python"
        build = ["-m", "bench.autofaiss_build", self._folder / "npy", there]
        theirs = _run(python, *build, f"{memory:.3f}MB")
        (codes,) = here.glob("shards/*/index.faiss")
        lists = codes.with_name("lists.ivfdata")
        weighs = codes.stat().st_size + (lists.stat().st_size if lists.exists() else 0)
        for name, told, weight in (
            ("Calumma", ours, weighs),
            ("autofaiss", theirs, there.stat().st_size),
        ):
            print(
                f"{size} bytes a vector, {name}: {told['factory']}, {weight / self._count:.0f} "
                f"bytes a vector; built in {told['seconds']:.0f} s, "
                f"peak {told['mebibytes']:.0f} MiB",
                flush=True,
            )
        mine, tuned = self._ours(here)
        other, default = self._theirs(there)
        points = [*mine, tuned, *other, default]
        for _ in range(_ROUNDS):
            for point in points:
                point.time()
        self._tell(size, mine, other)
        seconds = ours["seconds"] / theirs["seconds"]
        mebibytes = ours["mebibytes"] / theirs["mebibytes"]
        all_held = [
            held(_told("build time", seconds), seconds, most=1.0),
            held(_told("peak memory", mebibytes), mebibytes, most=1.0),
            self._speed(mine, other),
            self._untuned(tuned, default),
        ]
        return all(all_held)

    def _ours(self, folder: Path) -> tuple[list[Point], Point]:
        version = open_record(open_store(str(folder))).version
        index = open_index(folder, version, model=version.model, revision=version.revision)
        rows_to_ids = np.array([int(one) for one in index.ids(np.arange(self._count))])

        def at(settings: SearchSettings) -> Callable[[], Rows]:
            return lambda: rows_to_ids[search_rows(index, self._queries, 10, settings)[1]]

        found: list[Point] = []
        for factor in (1,) if index.exact else _FACTORS:
            ways: Settings = [
                (f"nprobe {effort}, factor {factor}", at(settings))
                for effort in (_EFFORTS if index.kind == "ivf" else (1,))
                for settings in [SearchSettings(nprobe=effort, factor=factor)]
            ]
            found += tried(ways, self._truth)
        assert version.card is not None
        (tuned,) = tried([("tuned", at(version.card.settings))], self._truth)
        return fastest(found), tuned

    def _theirs(self, path: Path) -> tuple[list[Point], Point]:
        index = FAISS.read_index(str(path))

        def search() -> Rows:
            rows: Rows = index.search(self._queries, 10)[1]
            return rows

        (default,) = tried([("default", search)], self._truth)
        default.seconds.clear()
        default_of = _effort_of(index)
        default.search = lambda: _with(index, default_of, search)
        ways: Settings = [
            (f"effort {effort}", lambda effort=effort: _with(index, effort, search))  # type: ignore[misc]
            for effort in _EFFORTS
            if effort >= 10 or not isinstance(inner_index(index), FAISS.IndexHNSW)
        ]
        return fastest(tried(ways, self._truth)), default

    def _tell(self, size: int, mine: Sequence[Point], other: Sequence[Point]) -> None:
        for name, points in (("Calumma", mine), ("autofaiss", other)):
            told = ", ".join(
                f"{one.recall:.3f} at {one.rate(_QUERIES):,.0f}/s" for one in points[-8:]
            )
            print(f"  recall and queries a second, {name}: {told}")
        title = f"{self._count:,} vectors of {self._dimension} dimensions, {size} bytes each"
        plot = _PLOTS / f"index-{self._count}x{self._dimension}-{size}.svg"
        write_plot(plot, title, {"Calumma": mine, "autofaiss": other}, _QUERIES)

    def _speed(self, mine: Sequence[Point], other: Sequence[Point]) -> bool:
        recall = min(_TARGET, max(point.recall for point in other))
        theirs, ours = cheapest(other, recall), cheapest(mine, recall)
        if theirs is None or ours is None:
            print(f"  recall {recall:.3f} is not reached by Calumma's index at all: NOT HELD")
            return False
        note = "" if recall == _TARGET else ", the most that autofaiss's index reaches"
        print(
            f"  at recall {recall:.3f}{note}: {ours.rate(_QUERIES):,.0f} queries/s "
            f"({ours.settings}) against {theirs.rate(_QUERIES):,.0f} ({theirs.settings})"
        )
        ratio = ours.rate(_QUERIES) / theirs.rate(_QUERIES)
        return held(_told("queries a second", ratio), ratio, least=1.0)

    def _untuned(self, tuned: Point, default: Point) -> bool:
        found = tuned.search()
        shares = [overlap(found[at : at + 1], self._truth[at : at + 1]) for at in range(_QUERIES)]
        error = statistics.stdev(shares) / _QUERIES**0.5
        least = _TARGET - 3 * error
        told = (
            f"  as built: autofaiss recall {default.recall:.3f} at "
            f"{default.rate(_QUERIES):,.0f} queries/s; Calumma {tuned.recall:.3f} at "
            f"{tuned.rate(_QUERIES):,.0f}"
        )
        return held(told, tuned.recall, least=least)


def _told(what: str, ratio: float) -> str:
    return f"  {what}: {ratio:.2f} of autofaiss's"


def _effort_of(index: Any) -> int:
    inner = inner_index(index)
    if isinstance(inner, FAISS.IndexHNSW):
        return int(inner.hnsw.efSearch)
    return int(inner.nprobe) if isinstance(inner, FAISS.IndexIVF) else 0


def _with(index: Any, effort: int, search: Callable[[], Rows]) -> Rows:
    """Search with an effort, set as autofaiss sets it."""
    inner = inner_index(index)
    if isinstance(inner, FAISS.IndexHNSW):
        inner.hnsw.efSearch = effort
    elif isinstance(inner, FAISS.IndexIVF):
        inner.nprobe = min(effort, inner.nlist)
        quantizer = FAISS.downcast_index(inner.quantizer)
        if isinstance(quantizer, FAISS.IndexHNSW):
            quantizer.hnsw.efSearch = 2 * effort
    return search()


def _run(python: object, *arguments: object) -> dict[str, Any]:
    done = subprocess.run(
        [str(python), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def main() -> None:
    """Print the ratios; end with 1 if a bound is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=200_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--bytes", type=int, nargs="+", default=[2200, 165])
    parser.add_argument("--own", action="store_true")
    arguments = parser.parse_args()
    if arguments.own:
        vectors, queries = own_vectors(arguments.vectors, _QUERIES)
    else:
        vectors, queries = (
            clustered_vectors(count, arguments.dimension, seed=seed, of=arguments.vectors)
            for seed, count in ((1, arguments.vectors), (2, _QUERIES))
        )
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), vectors, queries)
        all_held = [bench.compare(size) for size in arguments.bytes]
    sys.exit(0 if all(all_held) else 1)


if __name__ == "__main__":
    main()
