"""Small files of records that go with a catalog: questions, references."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow.parquet as pq

from schemas.errors import CatalogError
from storage.catalog.delimited import delimiter_of
from storage.catalog.formats import format_of
from storage.catalog.opening import open_file


def read_records(
    uri: str, what: str, *, needed: Sequence[str], wanted: Sequence[str] = ()
) -> Iterator[Mapping[str, Any]]:
    """Read the records of a Parquet, CSV or JSON lines file, one after the other.

    Args:
        what: the file is, with its article.
        needed: columns that it must have.
        wanted: the columns to read, where reading others can be saved; all by default.

    Raises:
        CatalogError: the file is missing, unreadable or lacks a column.

    """
    kind = format_of(uri)
    if kind not in {"parquet", "csv", "jsonl"}:
        raise CatalogError(
            f"{uri} is not {what}: name a Parquet, CSV or JSON lines file with columns "
            f"{' and '.join(needed)}."
        )
    try:
        if kind == "parquet":
            records = _parquet_records(uri, needed, wanted)
        else:
            records = _csv_records(uri) if kind == "csv" else _json_records(uri)
        first = next(records, None)
        if first is not None:
            _check_columns(uri, first, needed)
            yield first
            yield from records
    except FileNotFoundError:
        raise CatalogError(f"There is no {uri}.") from None
    except CatalogError:
        raise
    except Exception as error:
        raise CatalogError(f"{uri} cannot be read: {error}") from error


def _check_columns(uri: str, record: Mapping[str, Any], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in record]
    if missing:
        raise CatalogError(
            f"{uri} has no column {' and no column '.join(missing)}; it has: {', '.join(record)}."
        )


def _parquet_records(
    uri: str, needed: Sequence[str], wanted: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    with open_file(uri) as file:
        opened = pq.ParquetFile(file)
        columns = [name for name in wanted if name in opened.schema_arrow.names]
        if not wanted or not set(needed) <= set(columns):
            columns = opened.schema_arrow.names
        for batch in opened.iter_batches(batch_size=10_000, columns=columns):
            yield from batch.to_pylist()


def _csv_records(uri: str) -> Iterator[Mapping[str, Any]]:
    with open_file(uri) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
        yield from csv.DictReader(text, delimiter=delimiter_of(uri))


def _json_records(uri: str) -> Iterator[Mapping[str, Any]]:
    with open_file(uri) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise CatalogError(f"Line {number} of {uri} is not JSON: {error}.") from error
                yield record if isinstance(record, dict) else {}
