"""What a night without news costs: a rerun over a catalog whose rows are all done.

``python -m bench.rerun --rows 1000000``: writes a Parquet catalog of uris and an output whose
committed keys hold all of its rows, then times the job on it, start-up apart, and reports peak
memory. The rate a core counts the processor time of all threads, which other work on the machine
does not change much. No picture exists: none may be touched.
"""

import argparse
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.config import CaptionConfig
from pipelines.describe import prepare_job
from runners.local import local_pipeline
from storage.digests import sorted_digests
from storage.keys import row_keys
from storage.layout import keys_path
from storage.store.local import LocalStore

_BATCH = 100_000


def main() -> None:
    """Print rows a second after start-up, and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalog, out = folder / "catalog.parquet", folder / "out"
        with pq.ParquetWriter(catalog, pa.schema([("id", pa.string()), ("uri", pa.string())])) as w:
            for start in range(0, rows, _BATCH):
                numbers = range(start, min(start + _BATCH, rows))
                ids = [f"asset-{number:09d}" for number in numbers]
                w.write_table(pa.table({"id": ids, "uri": [f"pictures/{i}.jpg" for i in ids]}))
        job = prepare_job(str(catalog), str(out), CaptionConfig())
        keys = row_keys(
            [f"asset-{number:09d}" for number in range(rows)],
            None,
            bytes.fromhex(job.run.fingerprint),
        )
        content = sorted_digests(keys.identity[:, 0].copy(), keys.second).serialize()
        LocalStore(out).put(keys_path(1, 1, "done", content), content)
        # Keys of a commit that this bench does not make: the job reads up to its own base.
        job = replace(job, run=replace(job.run, base=1))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.monotonic()
        pipeline = local_pipeline()
        job.build(pipeline)
        built = time.monotonic()
        processor = time.process_time()
        pipeline.run().wait_until_finish()
        seconds = time.monotonic() - built
        processor = time.process_time() - processor
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        counts = job.manifest().counts
        assert counts.skipped == rows, counts
        print(f"graph built in {built - started:.2f} s")
        print(f"{rows:,} rows skipped in {seconds:.2f} s: {rows / seconds:,.0f} rows/s")
        print(f"{processor:.2f} s of processor time: {rows / processor:,.0f} rows/s a core")
        print(f"peak memory {peak >> 10} MiB, {before >> 10} MiB before the run")


if __name__ == "__main__":
    main()
