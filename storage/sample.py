"""Thumbnails: each part stages those of a sample, the commit thins them to one uniform sample."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.layout import staging_folder, thumbnails_path
from storage.parts import Part
from storage.store import Store

SAMPLE_ROWS = 1000
SAMPLE_FAILURES = 200
_MOST_IN_MEMORY = 20_000


def stage_sample(
    store: Store, run_id: str, parts: Sequence[Part], token: str
) -> list[tuple[str, str]]:
    """Thin the parts' thumbnails to at most a thousand rows and 200 failures; give the move.

    A row brought its thumbnail if its key, which is random, lies below its part's bound. Below
    the smallest bound of all parts every row is there, so the rows with the smallest keys below
    it are a uniform sample.
    """
    paths = [part.files["thumbnails"] for part in parts if "thumbnails" in part.files]
    if not paths:
        return []
    bound = min(part.sample_below for part in parts if part.files)
    tables: list[pa.Table] = []
    for path in paths:
        tables.append(pq.read_table(io.BytesIO(store.get(path))))
        if sum(map(len, tables)) > _MOST_IN_MEMORY:
            tables = [_thin(tables, bound)]
    sink = pa.BufferOutputStream()
    pq.write_table(_thin(tables, bound).replace_schema_metadata(None), sink)
    staged = f"{staging_folder(run_id)}/thumbnails-{token}.parquet"
    store.put(staged, sink.getvalue().to_pybytes())
    return [(staged, thumbnails_path(run_id))]


def _thin(tables: Sequence[pa.Table], bound: int) -> pa.Table:
    """Take the thumbnails of the smallest keys: of rows below the bound, and of failures."""
    table = pa.concat_tables(tables)
    # Of a doubled id, which has its key twice, the first row was kept.
    keys = [str(key) for key in table["key"].to_pylist()]
    first = sorted(np.unique(keys, return_index=True)[1].tolist())
    table = table.take(first)
    second = pa.array([int(keys[index][16:], 16) for index in first], pa.uint64())
    table = table.append_column("second", second).sort_by("second")
    rows = table.filter(pc.invert(table["failed"]))
    if bound < 1 << 64:
        rows = rows.filter(pc.less(rows["second"], pa.scalar(bound, pa.uint64())))
    failures = table.filter(table["failed"])[:SAMPLE_FAILURES]
    return pa.concat_tables([rows[:SAMPLE_ROWS], failures]).drop_columns(["second"])
