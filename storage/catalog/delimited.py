"""CSV and TSV with a header line: a split is a run of records, found by one look through."""

import csv
import itertools
from collections.abc import Iterator
from typing import BinaryIO

from schemas.errors import CatalogError, RowError
from schemas.failure import FailureKind
from storage.catalog.columns import ColumnNames, map_columns
from storage.catalog.opening import file_name, is_compressed, open_file
from storage.catalog.records import Record, RecordBlock
from storage.catalog.split import ROWS_PER_SPLIT, CatalogFile, RowRange, Split

_BLOCK = 500
_MAX_FIELD_CHARACTERS = 1 << 24
_MAX_LINE_BYTES = 1 << 26


class _Records:
    """Records of an open file, and how many bytes those read so far take.

    Cutting and reading must agree on where a record ends, stray quotes included, so both go
    through this class; the csv reader takes lines one by one and no line ahead of its record.
    A record that the csv reader refuses comes as its error, and the next line begins the next.
    """

    def __init__(self, file: BinaryIO, uri: str) -> None:
        self.bytes_read = 0
        self._file = file
        csv.field_size_limit(_MAX_FIELD_CHARACTERS)
        self._reader = csv.reader(self._lines(), delimiter=delimiter_of(uri))

    def __iter__(self) -> Iterator[list[str] | csv.Error]:
        while True:
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield error
            else:
                if any(row):
                    yield row

    def _lines(self) -> Iterator[str]:
        at_start = self._file.tell() == 0
        while line := self._file.readline(_MAX_LINE_BYTES):
            self.bytes_read += len(line)
            text = line.decode("utf-8", "replace")
            yield text.removeprefix("\ufeff") if at_start else text
            at_start = False


def delimiter_of(uri: str) -> str:
    """What separates the fields of a file: its name says it."""
    return "\t" if ".tsv" in file_name(uri) else ","


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
        CatalogError: the file is empty, or its first line is no line of names.

    """
    with open_file(file.uri) as opened:
        header = next(iter(_Records(opened, file.uri)), None)
    if header is None:
        raise CatalogError(
            f"{file.uri} is empty: a CSV catalog starts with a line of column names."
        )
    if isinstance(header, csv.Error):
        raise CatalogError(f"{file.uri}: the line of column names cannot be read: {header}.")
    return header


def _record(header: list[str], row: list[str] | csv.Error, where: str) -> Record:
    if isinstance(row, csv.Error):
        return RowError(FailureKind.INVALID_ROW, f"{where} cannot be read: {row}.")
    if len(row) != len(header):
        return RowError(
            FailureKind.INVALID_ROW,
            f"{where} has {len(row)} fields where the header has {len(header)}. "
            "Quote fields that hold a delimiter.",
        )
    return dict(zip(header, row, strict=True))
