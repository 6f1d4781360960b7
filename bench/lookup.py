"""How fast codes are found by id, and what making the lookup takes, for a hundredfold of rows.

``python -m bench.lookup [--rows 1000000]``: outputs of 10,000 rows of 64 codes and of so many, in
files of a thousand rows as the jobs write them. A process of its own opens the codes, which builds
the copy that all processes of a machine share, and then asks for batches of 1,000 documents of
three pictures each, ids drawn at random. What is counted of memory is the anonymous one
(:mod:`bench.measuring`): mapped files are the kernel's to keep or drop.

Held to: building the larger one takes at most 150 MiB more than building the smaller one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.measuring import PeakMemory
from schemas.arrow import arrow_schema
from schemas.image_tokens import ImageTokens
from schemas.manifest import Counts, RunManifest

_SMALL, _CODES, _ROWS_PER_PART = 10_000, 64, 1000
_BATCHES, _IDS = 20, 3000
_MOST = 150.0


def write_codes(out: Path, count: int) -> None:
    """Write an output of random codes of 8,192 kinds, as one committed run."""
    generator = np.random.default_rng(count)
    schema = arrow_schema(ImageTokens)
    files = []
    for start in range(0, count, _ROWS_PER_PART):
        rows = range(start, min(start + _ROWS_PER_PART, count))
        codes = generator.integers(0, 8192, (len(rows), _CODES), dtype=np.int32)
        columns: dict[str, Any] = {
            "key": [f"{row:032x}" for row in rows],
            "asset_id": [_asset_id(row) for row in rows],
            "uri": [f"s3://pictures/{row}.jpg" for row in rows],
            "text": [f"a picture of things, the {row}th of many" for row in rows],
            "codes": list(codes),
            "part": [[]] * len(rows),
            "tokenizer_hash": ["0" * 64] * len(rows),
        }
        blank = {pa.string(): "", pa.int32(): 8}
        arrays = [
            pa.array(columns.get(field.name, [blank.get(field.type)] * len(rows)), field.type)
            for field in schema
        ]
        path = f"tokens/run=r/part-{start:08d}.parquet"
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), out / path, compression="zstd")
        files.append(path)
    manifest = RunManifest(
        run_id="r",
        job="tokenize",
        state="done",
        config={},
        table="tokens",
        model="m",
        revision="r",
        versions={},
        counts=Counts(rows_in=count, rows_out=count),
        started=0.0,
        finished=1.0,
        commit=1,
        files=tuple(files),
    )
    (out / "_runs").mkdir()
    (out / "_runs" / "r.json").write_text(json.dumps(asdict(manifest)))


def _asset_id(row: int) -> str:
    return f"pictures/{row % 1000:03d}/{row}"


def look_up(out: str, count: int) -> None:
    """Build and ask in this process, and print what it took."""
    from storage.lookup.pictures import CodedPictures
    from storage.tokens import find_tokens

    runs = find_tokens(out)
    with PeakMemory() as memory:
        before, cpu = time.perf_counter(), time.process_time()
        pictures = CodedPictures(runs)
        built, built_cpu = time.perf_counter() - before, time.process_time() - cpu
    generator = np.random.default_rng(1)
    batches = [
        [_asset_id(row) for row in generator.integers(0, count, _IDS).tolist()]
        for _ in range(_BATCHES)
    ]
    pictures.find(batches[0])
    before, cpu = time.perf_counter(), time.process_time()
    for batch in batches:
        found = pictures.find(batch)
        if set(found) != set(batch):
            raise SystemExit("not all ids were found")
    told = {
        "built": built,
        "built_cpu": built_cpu,
        "mebibytes": memory.mebibytes,
        "seconds": time.perf_counter() - before,
        "cpu": time.process_time() - cpu,
    }
    print(json.dumps(told))


def measure(folder: Path, count: int) -> float:
    """Mebibytes that building a lookup of so many rows takes."""
    out = folder / f"out-{count}"
    write_codes(out, count)
    command = [sys.executable, "-m", "bench.lookup", "--alone", str(out), "--rows", str(count)]
    environment = os.environ | {"TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    told = json.loads(done.stdout.splitlines()[-1])
    asked = _BATCHES * _IDS
    size = sum(file.stat().st_size for file in folder.glob("calumma-lookups-*/*/*"))
    print(
        f"{count:>9,} rows: built in {told['built']:.1f} s ({told['built_cpu']:.1f} s of a core), "
        f"peak {told['mebibytes']:.0f} MiB, {size / 2**20:.0f} MiB of copies; "
        f"{asked / told['seconds']:,.0f} pictures found a second "
        f"({asked / told['cpu']:,.0f} a second of a core)",
        flush=True,
    )
    return float(told["mebibytes"])


def main() -> None:
    """Print the figures; end with 1 if the bound is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--alone", metavar="OUT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        look_up(arguments.alone, arguments.rows)
        return
    with tempfile.TemporaryDirectory() as name:
        least = measure(Path(name), _SMALL)
        beyond = measure(Path(name), arguments.rows) - least
    held = beyond <= _MOST
    note = "" if held else ": NOT HELD"
    print(f"{beyond:.0f} MiB more for the larger one, held to {_MOST:.0f}{note}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
