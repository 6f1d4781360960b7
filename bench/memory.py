"""Peak memory of the whole caption job at ten thousand and at a million rows.

``python -m bench.memory [--rows 1000000]``: the catalog is Parquet with the pictures' bytes in it,
the model gives a constant answer, and everything else is the job as it is: reading, decoding in
helper processes, staging, commit. Each size runs in a process of its own. Prints the ratio.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from easy_vqa import get_test_image_paths

import transforms.describe
from bench.measuring import PeakMemory
from models.describing import DecodingSettings, DescribeRequest, Description
from models.source import ModelSource
from pipelines.config import CaptionConfig
from pipelines.job import prepare_job
from runners.local import local_pipeline

_SMALL = 10_000
_ROWS_PER_GROUP = 1_000


class ConstantDescriber:
    """Says the same of every picture."""

    wanted_pixels = None
    device = "none"

    def __init__(self, source: ModelSource, **_: object) -> None:
        self.source = source

    def encode(self, requests: Sequence[DescribeRequest], settings: DecodingSettings) -> int:
        del settings
        return len(requests)

    def generate(self, encoded: int) -> list[Description]:
        answer = Description(
            text="a picture", mean_logprob=-0.5, finish_reason="stop", token_count=3
        )
        return [answer] * encoded


def write_catalog(path: Path, rows: int) -> None:
    pictures = [Path(name).read_bytes() for name in get_test_image_paths().values()]
    fields: list[pa.Field[Any]] = [pa.field("id", pa.string()), pa.field("image", pa.binary())]
    schema = pa.schema(fields)
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, _ROWS_PER_GROUP):
            numbers = range(start, min(start + _ROWS_PER_GROUP, rows))
            ids = pa.array([f"asset-{number:09d}" for number in numbers])
            data = pa.array([pictures[number % len(pictures)] for number in numbers])
            writer.write_table(pa.Table.from_arrays([ids, data], schema=schema))


def run_alone(catalog: str, out: str) -> None:
    """Run the job in this process and print what it took."""
    vars(transforms.describe)["load_describer"] = ConstantDescriber
    with PeakMemory() as memory:
        started = time.monotonic()
        job = prepare_job(catalog, out, CaptionConfig())
        pipeline = local_pipeline()
        job.build(pipeline)
        pipeline.run().wait_until_finish()
        seconds = time.monotonic() - started
    counts = asdict(job.manifest().counts)
    print(json.dumps({"mebibytes": memory.mebibytes, "seconds": seconds, "counts": counts}))


def measure(rows: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "catalog.parquet"
        write_catalog(catalog, rows)
        command = [sys.executable, "-m", "bench.memory", "--alone", str(catalog), f"{folder}/out"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["counts"]["rows_out"] == rows, found
    rate = rows / found["seconds"]
    print(f"{rows:>9,} rows: peak {found['mebibytes']:.0f} MiB, {rate:,.0f} rows/s", flush=True)
    return float(found["mebibytes"])


def main() -> None:
    """Print the peaks and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--alone", nargs=2, metavar=("CATALOG", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        run_alone(*arguments.alone)
        return
    small, large = measure(_SMALL), measure(arguments.rows)
    print(f"ratio: {large / small:.2f}")


if __name__ == "__main__":
    main()
