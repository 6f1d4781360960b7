"""CSV and TSV with a header line: a split is a run of records, found by one look through."""

import csv
import itertools
from collections.abc import Iterator
from typing import BinaryIO

from schemas.errors import CatalogError, RowError
from schemas.failure import FailureKind
from storage.catalog.columns import ColumnNames, map_columns
from storage.catalog.opening import is_compressed, open_file
from storage.catalog.records import Record, RecordBlock
from storage.catalog.split import ROWS_PER_SPLIT, CatalogFile, RowRange, Split

_BLOCK = 500
_MAX_FIELD_CHARACTERS = 1 << 24


class _Records:
    """Records of an open file, and how many bytes those read so far take.

    Cutting and reading must agree on where a record ends, stray quotes included, so both go
    through this class; the csv reader takes lines one by one and no line ahead of its record.
    """

    def __init__(self, file: BinaryIO, uri: str) -> None:
        self.bytes_read = 0
        self._file = file
        csv.field_size_limit(_MAX_FIELD_CHARACTERS)
        self._reader = csv.reader(self._lines(), delimiter="\t" if ".tsv" in uri.lower() else ",")

    def __iter__(self) -> Iterator[list[str]]:
        return (row for row in self._reader if any(row))

    def _lines(self) -> Iterator[str]:
        for line in self._file:
            self.bytes_read += len(line)
            yield line.decode("utf-8", "replace")


def plan(file: CatalogFile, _given: ColumnNames) -> Iterator[RowRange]:
    """Cut the file into ranges of records; a compressed file is one range."""
    with open_file(file.uri) as opened:
        records = _Records(opened, file.uri)
        rows = iter(records)
        next(rows, None)
        whole = is_compressed(file.uri)
        row = start = 0
        byte_start = records.bytes_read
        for row, _ in enumerate(rows, start=1):
            if row - start == ROWS_PER_SPLIT and not whole:
                byte = records.bytes_read
                yield RowRange(start=start, stop=row, byte_start=byte_start, byte_stop=byte)
                start, byte_start = row, byte
        if row > start:
            byte = records.bytes_read
            yield RowRange(start=start, stop=row, byte_start=byte_start, byte_stop=byte)


def read(split: Split, given: ColumnNames) -> Iterator[RecordBlock]:
    """Read a split's records."""
    header = read_header(split.file)
    columns = map_columns(header, given)
    with open_file(split.file.uri) as file:
        if is_compressed(split.file.uri):
            rows = iter(_Records(file, split.file.uri))
            next(rows, None)
        else:
            file.seek(split.rows.byte_start)
            rows = iter(_Records(file, split.file.uri))
        rows = itertools.islice(rows, split.row_count)
        position = 0
        while block := list(itertools.islice(rows, _BLOCK)):
            first = split.rows.start + position
            records = [
                _record(header, row, f"Row {first + i + 1} of {split.file.uri}")
                for i, row in enumerate(block)
            ]
            yield RecordBlock(split, columns, position, records)
            position += len(block)


def read_header(file: CatalogFile) -> list[str]:
    """Read the names of the columns.

    Raises:
        CatalogError: the file is empty.

    """
    with open_file(file.uri) as opened:
        header = next(iter(_Records(opened, file.uri)), None)
    if not header:
        raise CatalogError(
            f"{file.uri} is empty: a CSV catalog starts with a line of column names."
        )
    header[0] = header[0].removeprefix("\ufeff")
    return header


def _record(header: list[str], row: list[str], where: str) -> Record:
    if len(row) != len(header):
        return RowError(
            FailureKind.INVALID_ROW,
            f"{where} has {len(row)} fields where the header has {len(header)}. "
            "Quote fields that hold a delimiter.",
        )
    return dict(zip(header, row, strict=True))
