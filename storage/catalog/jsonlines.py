"""JSON lines: a split is a run of lines, found by one look through the file."""

import itertools
import json
from collections.abc import Iterator

from schemas.errors import CatalogError, RowError
from schemas.failure import FailureKind
from storage.catalog.columns import ColumnMap, ColumnNames, map_columns
from storage.catalog.opening import is_compressed, open_file
from storage.catalog.records import Record, RecordBlock
from storage.catalog.split import ROWS_PER_SPLIT, CatalogFile, RowRange, Split

_BLOCK = 500


def plan(file: CatalogFile, _given: ColumnNames) -> Iterator[RowRange]:
    """Cut the file into ranges of lines; a compressed file is one range."""
    with open_file(file.uri) as lines:
        if is_compressed(file.uri):
            count = sum(1 for line in lines if line.strip())
            if count:
                yield RowRange(start=0, stop=count)
            return
        row = start = byte = byte_start = 0
        for line in lines:
            byte += len(line)
            row += bool(line.strip())
            if row - start == ROWS_PER_SPLIT:
                yield RowRange(start=start, stop=row, byte_start=byte_start, byte_stop=byte)
                start, byte_start = row, byte
        if row > start:
            yield RowRange(start=start, stop=row, byte_start=byte_start, byte_stop=byte)


def read(split: Split, given: ColumnNames) -> Iterator[RecordBlock]:
    """Read a split's lines."""
    columns = find_columns(split.file, given)
    with open_file(split.file.uri) as file:
        if not is_compressed(split.file.uri):
            file.seek(split.rows.byte_start)
        lines = itertools.islice((line for line in file if line.strip()), split.row_count)
        position = 0
        while block := list(itertools.islice(lines, _BLOCK)):
            first = split.rows.start + position
            records = [_parse(line, first + i, split.file.uri) for i, line in enumerate(block)]
            yield RecordBlock(split, columns, position, records)
            position += len(block)


def find_columns(file: CatalogFile, given: ColumnNames) -> ColumnMap:
    """Take the columns from the first lines that can be parsed.

    Raises:
        CatalogError: the first lines hold no JSON object, or no usable columns.

    """
    names: dict[str, None] = {}
    with open_file(file.uri) as lines:
        for line in itertools.islice(lines, 100):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                names.update(dict.fromkeys(record))
    if not names:
        raise CatalogError(f"{file.uri} holds no JSON objects, one a line, in its first 100 lines.")
    return map_columns(list(names), given)


def _parse(line: bytes, row: int, uri: str) -> Record:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return RowError(FailureKind.INVALID_ROW, f"Row {row + 1} of {uri} is not JSON: {error}.")
    if not isinstance(record, dict):
        return RowError(FailureKind.INVALID_ROW, f"Row {row + 1} of {uri} is not a JSON object.")
    return record
