"""Thumbnails: each part stages those of a sample, the commit thins them to one uniform sample."""

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.layout import staging_folder, thumbnails_path
from storage.parts import Part
from storage.store import Store

SAMPLE_ROWS = 1000
SAMPLE_FAILURES = 200


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
    table = pa.concat_tables([pq.read_table(io.BytesIO(store.get(path))) for path in paths])
    second = pa.array([int(str(key)[16:], 16) for key in table["key"].to_pylist()], pa.uint64())
    table = table.append_column("second", second).sort_by("second")
    rows = table.filter(pc.invert(table["failed"]))
    if bound < 1 << 64:
        rows = rows.filter(pc.less(rows["second"], pa.scalar(bound, pa.uint64())))
    failures = table.filter(table["failed"])[:SAMPLE_FAILURES]
    sample = pa.concat_tables([rows[:SAMPLE_ROWS], failures]).drop_columns(["second"])
    sink = pa.BufferOutputStream()
    pq.write_table(sample.replace_schema_metadata(None), sink)
    staged = f"{staging_folder(run_id)}/thumbnails-{token}.parquet"
    store.put(staged, sink.getvalue().to_pybytes())
    return [(staged, thumbnails_path(run_id))]
