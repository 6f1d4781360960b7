"""Assembling documents: how fast, how well packed, in what memory, and masked as the paper says.

``python -m bench.assemble [--documents 1000000]``: ``calumma assemble`` on pictures of 64 codes
that are there, with two neighbours each, on 10,000 documents and on so many, each in a process of
its own. What is counted is processor time, of all threads, without the loading of the vocabulary
and the making of the lookups (told apart); anonymous memory (:mod:`bench.measuring`); and how many
sequences first-fit-decreasing bin packing needs for the first 20,000 documents against ours. Then
100,000 random documents are masked and held against an oracle (tests/oracles/cm3.py).

Held to: 50,000 documents a minute of a core; packing at least 0.99 of first fit decreasing; memory
of the many at most 64 MiB above that of the few, beside the 50 bytes a row of the keys that every
job's commit sorts; no document that differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from bench.measuring import PeakMemory
from schemas.arrow import arrow_schema
from schemas.image_tokens import ImageTokens
from schemas.manifest import Counts, RunManifest
from schemas.neighbors import Neighbors
from tests.oracles.bin_packing import first_fit_decreasing
from tests.transforms.documents.random_documents import check_masking

_FEW = 10_000
_PACKED = 20_000
_MASKED = 100_000
_ROWS = 1000
_CODES = 64
_TEXT = "a small red triangle in the top left of the image."


def write_world(folder: Path, count: int) -> None:
    """Write a catalog, its pictures as codes, and two neighbours of each."""
    catalog: pq.ParquetWriter | None = None
    random = np.random.default_rng(0)
    tokens = _Table(folder / "tokens", "tokenize", "tokens", ImageTokens)
    neighbors = _Table(folder / "neighbors", "neighbors", "neighbors", Neighbors)
    for start in range(0, count, _ROWS):
        numbers = range(start, min(start + _ROWS, count))
        names = [f"picture-{number}" for number in numbers]
        size = len(names)
        table = pa.table({"id": names, "text": [_TEXT] * size, "license": ["CC0"] * size})
        catalog = catalog or pq.ParquetWriter(folder / "catalog.parquet", table.schema)
        catalog.write_table(table)
        tokens.write(
            size,
            asset_id=names,
            text=[_TEXT] * size,
            codes=list(random.integers(0, 512, (size, _CODES), dtype=np.int32)),
            height=[8] * size,
            width=[8] * size,
        )
        near = random.integers(0, count, (size, 2))
        neighbors.write(
            size,
            asset_id=names,
            neighbor_ids=[[f"picture-{one}" for one in some] for some in near.tolist()],
        )
    assert catalog is not None
    catalog.close()
    tokens.commit()
    neighbors.commit()


class _Table:
    """A committed table of an output; columns that nobody gives are empty."""

    def __init__(self, out: Path, job: str, table: str, record: type) -> None:
        self._out, self._job, self._table = out, job, table
        self._schema = arrow_schema(record)
        self._files: list[str] = []
        self._rows = 0

    def write(self, size: int, **columns: Any) -> None:
        arrays = []
        for field in self._schema:
            empty: Any = "" if field.type == pa.string() else 0
            if isinstance(field.type, pa.ListType):
                empty = []
            if field.type == pa.bool_():
                empty = False
            arrays.append(pa.array(columns.get(field.name, [empty] * size), field.type))
        path = f"{self._table}/run=20260101-000001-aaaaaa/part-{len(self._files):08d}.parquet"
        (self._out / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_arrays(arrays, schema=self._schema), self._out / path)
        self._files.append(path)
        self._rows += size

    def commit(self) -> None:
        manifest = RunManifest(
            run_id="20260101-000001-aaaaaa",
            job=self._job,
            state="done",
            config={},
            table=self._table,
            model="m",
            revision="r",
            versions={},
            counts=Counts(rows_in=self._rows, rows_out=self._rows),
            rows_left=0,
            failures_by_kind={},
            started=0.0,
            finished=1.0,
            commit=1,
            files=tuple(self._files),
        )
        (self._out / "_runs").mkdir(parents=True)
        path = self._out / "_runs" / f"{manifest.run_id}.json"
        path.write_text(json.dumps(asdict(manifest)))


def assemble_alone(folder: Path) -> None:
    """Run the job in this process and print what it took."""
    with PeakMemory() as memory:
        from pipelines.assemble_config import AssembleConfig
        from pipelines.job import prepare_job
        from runners.local import local_pipeline
        from transforms.assemble import AssemblingHandler

        config = AssembleConfig(codes=(f"{folder}/tokens",), neighbors=f"{folder}/neighbors")
        job = prepare_job(f"{folder}/catalog.parquet", f"{folder}/out", config)
        began = time.process_time()
        # The vocabulary, and the lookups: made once a machine, and found by the job.
        AssemblingHandler(job.work, job.run.run_id)._load()  # type: ignore[arg-type]
        loading = time.process_time() - began
        pipeline = local_pipeline()
        job.build(pipeline)
        began, clock = time.process_time(), time.perf_counter()
        pipeline.run().wait_until_finish()
        seconds, elapsed = time.process_time() - began, time.perf_counter() - clock
    print(
        json.dumps(
            {
                "seconds": seconds,
                "elapsed": elapsed,
                "loading": loading,
                "mebibytes": memory.mebibytes,
                "rows": job.manifest().counts.rows_out,
            }
        )
    )


def measure(folder: Path, count: int) -> dict[str, float]:
    """Assemble so many documents in a process of its own."""
    folder.mkdir()
    write_world(folder, count)
    command = [sys.executable, "-m", "bench.assemble", "--alone", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    assert found["rows"] == count
    rate = 60 * count / found["seconds"]
    print(
        f"{count} documents: {rate:,.0f} a minute of a core, "
        f"{60 * count / found['elapsed']:,.0f} a minute; peak memory "
        f"{found['mebibytes']:.0f} MiB; vocabulary and lookups {found['loading']:.1f} s",
        flush=True,
    )
    return found | {"rate": rate}


def packing(folder: Path) -> float:
    """Sequences that first fit decreasing needs, against ours, for the first documents."""
    table = ds.dataset(folder / "out" / "documents").head(
        _PACKED, columns=["sequence", "length", "context"]
    )
    lengths: list[int] = table["length"].to_numpy().tolist()
    context = int(table["context"].to_numpy()[0])
    ours = len(table["sequence"].unique())
    best = first_fit_decreasing(lengths, context)
    print(
        f"packing: {sum(lengths) / (ours * context):.3f} of the room is filled, first fit "
        f"decreasing {sum(lengths) / (best * context):.3f}: {best / ours:.4f}"
    )
    return best / ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--alone", type=Path)
    given = parser.parse_args()
    if given.alone:
        assemble_alone(given.alone)
        return
    for seed in range(_MASKED):
        check_masking(seed)
    print(f"masking: {_MASKED} random documents as the oracle has them")
    with tempfile.TemporaryDirectory() as name:
        few = measure(Path(name) / "few", _FEW)
        many = measure(Path(name) / "many", given.documents)
        packed = packing(Path(name) / "many")
    held = {
        "50,000 documents a minute of a core": many["rate"] >= 50_000,
        "packing 0.99": packed >= 0.99,
        "memory": many["mebibytes"] <= few["mebibytes"] + 64 + 50 * given.documents / (1 << 20),
    }
    for what, is_held in held.items():
        print(f"{what}: {'held' if is_held else 'NOT HELD'}")
    sys.exit(not all(held.values()))


if __name__ == "__main__":
    main()
