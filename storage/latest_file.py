"""The latest row of each asset as one file, read and written a few megabytes at a time."""

import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import RunError, UsageError
from storage.kept_rows import kept_rows, schema_of
from storage.latest import IDENTITY, current_files
from storage.store import Store, open_store
from storage.superseded import superseded_rows
from storage.uris import absolute_uri

_PARQUET, _LINES = ".parquet", ".jsonl"


def write_latest(out: str, table: str, to: str) -> int:
    """Write a table's latest rows to one file: see :func:`storage.latest.latest_rows`.

    It appears whole or not at all. Memory is some 50 bytes for each row of the table.

    Args:
        to: a path or URI that ends in ``.parquet`` or ``.jsonl``.

    Returns:
        How many rows there are.

    Raises:
        UsageError: there is no such table, it has no rows, or ``to`` ends otherwise.

    """
    kind = Path(to).suffix.lower()
    if kind not in (_PARQUET, _LINES):
        raise UsageError(f"{to} ends neither in {_PARQUET} nor in {_LINES}: name such a file.")
    folder, _, name = absolute_uri(to).rpartition("/")
    with tempfile.TemporaryDirectory(prefix="calumma-latest-") as scratch:
        written = Path(scratch) / name
        if kind == _PARQUET:
            rows = _write_parquet(out, table, written)
        else:
            with written.open("w", encoding="utf-8") as file:
                rows = print_latest(out, table, file)
        open_store(folder).put_file(name, written)
    return rows


def print_latest(out: str, table: str, file: TextIO) -> int:
    """Write a table's latest rows as JSON lines; numbers that are none become null.

    Returns:
        How many rows there are.

    Raises:
        UsageError: there is no such table, it has no rows, or it holds pictures.

    """
    rows = 0
    for batch in _latest(open_store(absolute_uri(out)), out, table):
        if any(pa.types.is_binary(field.type) for field in batch.schema):
            raise UsageError(f"The {table} hold pictures: give --to FILE{_PARQUET}.")
        for row in batch.to_pylist():
            line = json.dumps(
                {name: _plain(value) for name, value in row.items()}, ensure_ascii=False
            )
            # Half of a surrogate pair is no text that a file could hold.
            file.write(line.encode("utf-8", "replace").decode() + "\n")
        rows += len(batch)
    return rows


def _write_parquet(out: str, table: str, target: Path) -> int:
    rows, writer = 0, None
    try:
        for batch in _latest(open_store(absolute_uri(out)), out, table):
            if writer is None:
                writer = pq.ParquetWriter(target, batch.schema, compression="zstd")
            writer.write_batch(batch)
            rows += len(batch)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _latest(store: Store, out: str, table: str) -> Iterator[pa.RecordBatch]:
    if table not in IDENTITY:
        raise UsageError(f"There is no table {table!r}: name one of {', '.join(IDENTITY)}.")
    paths = current_files(store, table)
    if not paths:
        raise UsageError(f"{out} holds no {table}.")
    schema = schema_of(store, paths[0]).remove_metadata()
    for path, superseded in zip(paths, superseded_rows(store, table, paths), strict=True):
        for batch in kept_rows(store, path, ~superseded):
            batch = batch.replace_schema_metadata(None)  # noqa: PLW2901
            if not batch.schema.equals(schema):
                raise RunError(
                    f"{out}/{path} has other columns or types than the files before it: it was "
                    "written with other settings or by another version."
                )
            yield batch


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
