"""Peak memory of building an index and of searching it, for a catalog forty times as large.

``python -m bench.index_memory [--vectors 4000000]``: the whole index job on 100,000 vectors of 64
dimensions (:mod:`bench.clustered`), and on so many, each told to take 300 MB while it is searched;
then a thousand queries in batches. Each step runs in a process of its own; what is counted is its
anonymous memory (:mod:`bench.measuring`): mapped files are the kernel's to keep or drop.

Held to, at either size: build and search each take no more than the 300 MB given, beyond what they
take for ten vectors.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.clustered import clustered_vectors
from bench.measuring import PeakMemory
from tests.end_to_end.embedded import write_embeddings

_DIMENSION = 64
_MEMORY = 300_000_000
_FEW, _SMALL = 10, 100_000
_QUERIES, _BATCH = 1000, 100
_PART = 100_000
_MEBI = 1 << 20


def search_alone(index: str) -> None:
    """Search an index in this process and print what it took."""
    with PeakMemory() as memory:
        from storage.index.opened import open_index
        from storage.index.search import search
        from storage.index.settings import SearchSettings
        from storage.index_store import open_record
        from storage.store import open_store

        version = open_record(open_store(index)).version
        opened = open_index(Path(index), version, model=version.model, revision=version.revision)
        settings = version.card.settings if version.card else SearchSettings()
        queries = clustered_vectors(_QUERIES, _DIMENSION, seed=2, of=_SMALL)
        for start in range(0, _QUERIES, _BATCH):
            search(opened, queries[start : start + _BATCH], 10, settings)
    print(json.dumps({"mebibytes": memory.mebibytes}))


def measure(folder: Path, count: int) -> tuple[float, float]:
    """Mebibytes that building and searching take for so many vectors."""
    embeddings, index = folder / f"vectors-{count}", folder / f"index-{count}"
    for start in range(0, count, _PART):
        some = range(start, min(start + _PART, count))
        vectors = clustered_vectors(len(some), _DIMENSION, seed=start + 1, of=count)
        write_embeddings(embeddings, [str(row) for row in some], vectors, rows_per_part=1000)
    built = _run("bench.calumma_build", embeddings, index, f"{_MEMORY / 1e6:.0f}MB", 0.95)
    searched = _run("bench.index_memory", "--alone", index)
    print(
        f"{count:>9,} vectors, {built['factory']}: built in {built['seconds']:.0f} s, peak "
        f"{built['mebibytes']:.0f} MiB; searched with {searched['mebibytes']:.0f} MiB",
        flush=True,
    )
    return built["mebibytes"], searched["mebibytes"]


def _run(module: str, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def main() -> None:
    """Print the peaks; end with 1 if a bound is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=4_000_000)
    parser.add_argument("--alone", metavar="INDEX", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        search_alone(arguments.alone)
        return
    held = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        least = measure(folder, _FEW)
        for count in (_SMALL, arguments.vectors):
            beyond = np.subtract(measure(folder, count), least)
            most = _MEMORY / _MEBI
            for what, took in zip(("build", "search"), beyond.tolist(), strict=True):
                held &= took <= most
                note = "" if took <= most else ": NOT HELD"
                print(f"  {what}: {took:.0f} MiB beyond, held to {most:.0f}{note}", flush=True)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
