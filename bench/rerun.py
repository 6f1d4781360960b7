"""What a night without news costs: a rerun over a catalog whose rows are all done.

``python -m bench.rerun --rows 1000000 10000000``: for each size, writes a Parquet catalog of uris
and an output whose committed keys hold all of its rows, then runs the job on it in a process of its
own. Prints rows a second after start-up, rows a second of processor time, which other work on the
machine does not change much, and the peak of the process's own memory. No picture exists: none may
be touched.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.measuring import PeakMemory
from pipelines.config import CaptionConfig
from pipelines.job import Job, prepare_job
from runners.local import local_pipeline
from storage.digests import sorted_digests
from storage.keys import row_keys
from storage.layout import keys_path
from storage.store.local import LocalStore

_BATCH = 100_000


def prepared(folder: Path) -> Job:
    job = prepare_job(str(folder / "catalog.parquet"), str(folder / "out"), CaptionConfig())
    # Keys of a commit that this bench does not make: the job knows those up to its number.
    return replace(job, settings=replace(job.settings, known_upto=1))


def write(folder: Path, rows: int) -> None:
    """Write the catalog, and its keys as a commit would have."""
    schema = pa.schema([("id", pa.string()), ("uri", pa.string())])
    with pq.ParquetWriter(folder / "catalog.parquet", schema) as writer:
        for start in range(0, rows, _BATCH):
            numbers = range(start, min(start + _BATCH, rows))
            ids = [f"asset-{number:09d}" for number in numbers]
            writer.write_table(pa.table({"id": ids, "uri": [f"pictures/{i}.jpg" for i in ids]}))
    fingerprint = bytes.fromhex(prepared(folder).run.fingerprint)
    keys = row_keys([f"asset-{number:09d}" for number in range(rows)], None, fingerprint)
    content = sorted_digests(keys.identity[:, 0].copy(), keys.second).serialize()
    LocalStore(folder / "out").put(keys_path(1, 1, "done", content), content)


def rerun(folder: Path) -> None:
    """Run the job in this process; print what it took."""
    with PeakMemory() as memory:
        job = prepared(folder)
        pipeline = local_pipeline()
        job.build(pipeline)
        started, processor = time.monotonic(), time.process_time()
        pipeline.run().wait_until_finish()
        seconds = time.monotonic() - started
        processor = time.process_time() - processor
    counts = job.manifest().counts
    assert counts.skipped == counts.rows_in, counts
    found = {"seconds": seconds, "processor": processor, "mebibytes": memory.mebibytes}
    print(json.dumps({"rows": counts.skipped, **found}))


def main() -> None:
    """Print the rates and the peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--alone", nargs=2, metavar=("STEP", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        step, name = arguments.alone
        write(Path(name), arguments.rows[0]) if step == "write" else rerun(Path(name))
        return
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "bench.rerun", "--rows", str(rows), "--alone"]
            subprocess.run([*command, "write", folder], check=True)
            done = subprocess.run(
                [*command, "run", folder], check=True, stdout=subprocess.PIPE, text=True
            )
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["rows"] == rows, found
        print(
            f"{rows:>11,} rows skipped in {found['seconds']:.2f} s: "
            f"{rows / found['seconds']:,.0f} rows/s, "
            f"{rows / found['processor']:,.0f} rows/s a core, "
            f"peak memory {found['mebibytes']:.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
