"""Index builds that are killed at random moments and finished, and 10 % that are added later.

``python -m bench.index_kills [--vectors 400000] [--kills 15]``: `calumma index` over clustered
vectors of 64 dimensions, killed (-9) at random moments of its working time and run again. Each
finished index must hold every vector once and reach, on queries that were not indexed, the recall
of an undisturbed build, against exact search in numpy. So must, within 0.01, an index of 90 % to
which the rest was added, searched with as much effort as that build; and with the effort that it
was tuned to itself, the least that will do, it must reach the 0.95 that was asked for, within 0.01.
Exits with 1 where one does not.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.index.opened import open_index
from storage.index.search import search
from storage.index.settings import SearchSettings
from storage.index_store import open_record
from storage.store import open_store
from tests.end_to_end.embedded import some_vectors, write_embeddings

_QUERIES = 500
_NEAREST = 10
_TOLERANCE = 0.01
_ASKED = 0.95


class Scene:
    """Vectors, queries, and what exact search finds."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.ids = [f"v{number}" for number in range(count)]
        self.vectors = some_vectors(count, 64)
        self.queries = some_vectors(_QUERIES, 64, seed=1)
        self.exact = [
            {self.ids[row] for row in rows} for rows in _nearest(self.vectors, self.queries)
        ]

    def write(self, name: str, start: int, stop: int) -> Path:
        """An embedding output of some of the vectors, or more of one that is there."""
        out = self.folder / name
        some = slice(start, stop)
        write_embeddings(out, self.ids[some], self.vectors[some], rows_per_part=20_000)
        return out

    def recall(self, index: Path, settings: SearchSettings | None = None) -> float:
        """Recall of the ten nearest; every vector must be there once.

        Args:
            settings: how far to look; None for as far as the index was tuned to.

        """
        record = open_record(open_store(str(index)))
        version = record.version
        opened = open_index(index, version, model=version.model, revision=version.revision)
        rows = np.arange(int(opened.starts[-1]))
        names = opened.ids(rows)
        if sorted(names) != sorted(self.ids):
            _fail(f"{index.name} holds {len(names)} vectors, not each of the {len(self.ids)} once")
        assert version.card is not None
        found = search(opened, self.queries, _NEAREST, settings or version.card.settings)
        shares = [
            len({hit.id for hit in hits} & exact) / _NEAREST
            for hits, exact in zip(found, self.exact, strict=True)
        ]
        return float(np.mean(shares))


def main() -> None:
    """Kill, finish, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vectors", type=int, default=400_000)
    parser.add_argument("--kills", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scene = Scene(Path(name), options.vectors)
        out = scene.write("embedded", 0, options.vectors)
        started = time.monotonic()
        undisturbed = scene.folder / "undisturbed"
        _build(out, undisturbed).wait()
        seconds = time.monotonic() - started
        recall = scene.recall(undisturbed)
        print(f"undisturbed: recall@10 {recall:.4f}, {seconds:.0f} s", flush=True)
        chance = random.Random(7)
        kept = 0
        for number in range(options.kills):
            index = scene.folder / f"kill-{number}"
            process = _build(out, index)
            time.sleep(chance.random() * seconds)
            process.send_signal(signal.SIGKILL)
            process.wait()
            kept += len(list(index.glob("shards/*/shard.json")))
            if _build(out, index).wait():
                _fail(f"kill {number}: the rerun failed")
            again = scene.recall(index)
            if again != recall:
                _fail(f"kill {number}: recall@10 {again:.4f} once finished")
            shutil.rmtree(index)
        print(f"killed {options.kills} times: same recall; {kept} finished shards were there")
        most = options.vectors * 9 // 10
        grown = scene.folder / "grown"
        part = scene.write("grows", 0, most)
        _build(part, grown).wait()
        scene.write("grows", most, options.vectors)
        _build(part, grown).wait()
        added = scene.recall(grown)
        settings = _tuned(undisturbed)
        alike = scene.recall(grown, settings)
        print(
            f"10 % added later: recall@10 {alike:.4f}, {alike - recall:+.4f} to a fresh build, "
            f"with the effort of that one ({settings}); {added:.4f} with its own ({_tuned(grown)})"
        )
        if abs(alike - recall) > _TOLERANCE:
            _fail("that is more than 0.01 apart")
        if added < _ASKED - _TOLERANCE:
            _fail(f"that is below the {_ASKED} that was asked for")


def _build(out: Path, index: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.main", "index", str(out), str(index), "--memory", "60MB"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _tuned(index: Path) -> SearchSettings:
    card = open_record(open_store(str(index))).version.card
    assert card is not None
    return card.settings


def _nearest(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> NDArray[np.int64]:
    """Exact search: int64 array of shape (queries, nearest), in no order."""
    found: NDArray[np.int64] = np.argpartition(-(queries @ vectors.T), _NEAREST, axis=1)
    return found[:, :_NEAREST]


def _fail(message: str) -> None:
    print(message, flush=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
