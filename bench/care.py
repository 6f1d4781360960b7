"""What a year of nights costs to compact and to forget from, against one query of DuckDB.

``python -m bench.care --nights 365 --rows 1000``: writes an output of so many nights of captions; a
tenth of each night's rows are of the night before, with another prompt. DuckDB writes the latest
rows with the SQL of docs/output.md, on one thread; it neither commits nor keeps keys.
"""

import argparse
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.measuring import PeakMemory
from schemas.arrow import arrow_schema
from schemas.description import Caption
from schemas.manifest import Counts, RunManifest
from storage.compact import compact
from storage.digests import sorted_digests
from storage.forget import forget
from storage.keys import asset_words, fingerprint, row_keys
from storage.layout import keys_path
from storage.store.local import LocalStore

_LATEST = """
COPY (
  SELECT c.* FROM read_parquet('{out}/captions/*/*.parquet') AS c
  JOIN read_json('{out}/_runs/*.json', columns = {{run_id: 'VARCHAR', commit: 'BIGINT'}}) AS r
    ON c.run = r.run_id
  QUALIFY row_number() OVER (PARTITION BY asset_id ORDER BY r.commit DESC) = 1
) TO '{target}' (FORMAT parquet, COMPRESSION zstd)
"""


def write_night(out: Path, night: int, rows: int) -> None:
    """Add a night as a run would have left it, but for its commit record and thumbnails."""
    first = night * rows - (rows // 10 if night else 0)
    ids = [f"photos/{number:08d}.jpg" for number in range(first, first + rows)]
    keys = row_keys(ids, None, fingerprint({"night": night}))
    texts = [f"a picture numbered {number} of night {night}" for number in range(rows)]
    constant = {"prompt": "describe", "finish_reason": "stop", "model": "m", "revision": "r"}
    columns: dict[str, list[Any]] = {
        "key": [keys.hex(row) for row in range(rows)],
        "asset_id": ids,
        "uri": ids,
        "text": texts,
        "mean_logprob": [-0.5] * rows,
        "token_count": [9] * rows,
        "references": [[]] * rows,
        "neighbors": [[]] * rows,
        "sha256": [f"{number:064x}" for number in range(rows)],
        "attributes": ["{}"] * rows,
        **{name: [value] * rows for name, value in constant.items()},
    }
    run_id = f"2026{night:04d}-000000-aaaaaa"
    path = out / f"captions/run={run_id}/part-0.parquet"
    path.parent.mkdir(parents=True)
    schema = arrow_schema(Caption)
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd")
    manifest = RunManifest(
        run_id=run_id,
        job="caption",
        state="done",
        config={},
        table="captions",
        model="m",
        revision="r",
        versions={},
        counts=Counts(rows_in=rows, rows_out=rows),
        started=0.0,
        finished=1.0,
        commit=night + 1,
        files=(str(path.relative_to(out)),),
    )
    store = LocalStore(out)
    store.put(f"_runs/{run_id}.json", json.dumps(asdict(manifest)).encode())
    content = sorted_digests(keys.identity[:, 0], keys.second).serialize()
    store.put(keys_path(night + 1, night + 1, "done", content), content)


def main() -> None:
    """Write the nights, and look after them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--rows", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out, target = Path(folder) / "out", Path(folder) / "latest.parquet"
        for night in range(options.nights):
            write_night(out, night, options.rows)
        total = options.nights * options.rows
        started = time.process_time()
        connection = duckdb.connect(config={"threads": 1})
        connection.execute(_LATEST.format(out=out, target=target))
        duck = time.process_time() - started
        connection.close()
        expected = pq.ParquetFile(target).metadata.num_rows
        started = time.process_time()
        with PeakMemory() as memory:
            manifest = compact(LocalStore(out))
        seconds = time.process_time() - started
        files = list(out.glob("captions/*/*.parquet"))
        kept = sum(pq.ParquetFile(file).metadata.num_rows for file in files)
        assert manifest is not None
        assert kept == expected, (kept, expected)
        print(
            f"compact: {options.nights} files of {total} rows into {len(files)} of {kept}, "
            f"{seconds:.2f} s of processor time, {total / seconds:,.0f} rows a second, peak memory "
            f"{memory.mebibytes:.0f} MiB; DuckDB {duck:.2f} s: {seconds / duck:.2f} times that"
        )
        words = asset_words([f"photos/{number:08d}.jpg" for number in range(100)])
        started = time.process_time()
        receipt = forget(LocalStore(out), sorted_digests(words[:, 0], words[:, 1]), {})
        seconds = time.process_time() - started
        assert receipt is not None
        print(f"forget: {receipt.config['rows']}, {seconds:.2f} s of processor time")


if __name__ == "__main__":
    main()
