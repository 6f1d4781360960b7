"""Parquet: ids are read for all rows of a split, pictures only for those to be done."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from storage.catalog.columns import (
    ColumnMap,
    ColumnNames,
    build_asset,
    id_text,
    map_columns,
    missing_id,
    missing_uri,
)
from storage.catalog.opening import local_path, open_file
from storage.catalog.split import ROWS_PER_SPLIT, CatalogFile, CatalogRow, RowRange, Split

_SPLITS_PER_ROW_GROUP = 64
_PICTURES_AT_ONCE = 32
_OPEN_FILES = 16
_CACHED_BYTES = 256 << 20


class _Reader(threading.local):
    """This thread's open files, and the ids it read last: neighbouring splits share row groups."""

    def __init__(self) -> None:
        self._files: OrderedDict[CatalogFile, pq.ParquetFile] = OrderedDict()
        self._tables: OrderedDict[tuple[object, ...], pa.Table] = OrderedDict()

    def open(self, file: CatalogFile) -> pq.ParquetFile:
        """Open a file, or take the one that is open."""
        if file in self._files:
            self._files.move_to_end(file)
            return self._files[file]
        path = local_path(file.uri)
        if path is None:
            opened = pq.ParquetFile(open_file(file.uri), pre_buffer=True)
        else:
            opened = pq.ParquetFile(path, memory_map=True)
        self._files[file] = opened
        if len(self._files) > _OPEN_FILES:
            self._files.popitem(last=False)
        return opened

    def row_group(self, file: CatalogFile, group: int, columns: Sequence[str]) -> pa.Table:
        """Read the given columns of a row group, or take them as read before."""
        key = (file, group, *columns)
        table = self._tables.get(key)
        if table is None:
            table = self.open(file).read_row_group(group, columns=list(columns))
            if table.nbytes > _CACHED_BYTES // 2:
                return table
            self._tables[key] = table
            while sum(kept.nbytes for kept in self._tables.values()) > _CACHED_BYTES:
                self._tables.popitem(last=False)
        else:
            self._tables.move_to_end(key)
        return table


_reader = _Reader()


def plan(file: CatalogFile, given: ColumnNames) -> Iterator[RowRange]:
    """Cut the file into runs of rows.

    Row groups without pictures are cut into splits of a thousand rows, into at most 64: a split
    pays for reading its whole row group. Row groups that hold pictures are one split each.
    """
    opened = _reader.open(file)
    picture = find_columns(file, given)[1]
    start = 0
    for group in range(opened.num_row_groups):
        rows = opened.metadata.row_group(group).num_rows
        step = max(ROWS_PER_SPLIT, -(-rows // _SPLITS_PER_ROW_GROUP))
        if picture:
            step = max(rows, 1)
        for first in range(start, start + rows, step):
            yield RowRange(start=first, stop=min(first + step, start + rows))
        start += rows


def read(split: Split, given: ColumnNames) -> Iterator["ParquetBlock"]:
    """Read a split, one block a row group."""
    opened = _reader.open(split.file)
    columns, picture = find_columns(split.file, given)
    start = 0
    for group in range(opened.num_row_groups):
        rows = opened.metadata.row_group(group).num_rows
        first, stop = max(split.rows.start, start), min(split.rows.stop, start + rows)
        if first < stop:
            yield ParquetBlock(split, columns, picture, group, start, range(first, stop))
        start += rows
        if start >= split.rows.stop:
            return


def find_columns(file: CatalogFile, given: ColumnNames) -> tuple[ColumnMap, bool]:
    """Find out which column is what, and whether the pictures' bytes are in the file.

    Raises:
        CatalogError: see :func:`storage.catalog.columns.map_columns`.

    """
    schema = _reader.open(file).schema_arrow
    pictures = [field.name for field in schema if _holds_bytes(field.type)]
    columns = map_columns(schema.names, given, picture=pictures[0] if pictures else "")
    if columns.uri not in pictures and not given.uri and pictures:
        # A datasets export names its picture column freely; its bytes win over a mere path.
        usual = map_columns(schema.names, ColumnNames(**{**_as_dict(given), "uri": pictures[0]}))
        return usual, True
    return columns, columns.uri in pictures


class ParquetBlock:
    """Rows of one row group."""

    def __init__(
        self,
        split: Split,
        columns: ColumnMap,
        picture: bool,
        group: int,
        group_start: int,
        rows: range,
    ) -> None:
        self._split = split
        self._columns = columns
        self._picture = picture
        self._group = group
        self._group_start = group_start
        self._rows = rows
        self.start = rows.start - split.rows.start
        file_name = split.file.uri.rpartition("/")[2]
        id_column = columns.id or ("" if picture else columns.uri)
        if id_column:
            self.ids: list[str | None] = self._id_texts(id_column)
            self.versions: list[str] | None = None
            if columns.version:
                versions = self._column(columns.version).to_pylist()
                self.versions = ["" if value is None else str(value) for value in versions]
        else:
            # Rows without a name are known by where they stand in the file as it is now.
            self.ids = [f"{file_name}#{row}" for row in rows]
            self.versions = [split.file.identity] * len(rows)

    def rows(self, wanted: Sequence[int]) -> Iterator[CatalogRow]:
        """Read the wanted rows' other columns, and stream through the pictures."""
        if not wanted:
            return
        columns = self._columns
        light = [
            name
            for name in (columns.text, columns.license, columns.source, columns.references)
            if name
        ]
        light += list(columns.others)
        if not self._picture:
            light.append(columns.uri)
        indices = pa.array([self._rows[index] - self._group_start for index in wanted])
        if light:
            table = _reader.row_group(self._split.file, self._group, light).take(indices)
            records: list[dict[str, Any]] = table.to_pylist()
        else:
            records = [{} for _ in wanted]
        pictures = self._pictures(wanted) if self._picture else None
        for index, record in zip(wanted, records, strict=True):
            where = f"Row {self._rows[index] + 1} of {self._split.file.uri}"
            asset_id = self.ids[index]
            data, uri = None, str(record.get(columns.uri) or "")
            if pictures is not None:
                data, uri = next(pictures)
            problem = missing_id(where) if asset_id is None else None
            if problem is None and data is None and not uri:
                problem = missing_uri(where)
            if data is not None and not uri:
                uri = f"{self._split.file.uri}#{self._rows[index]}"
            version = self.versions[index] if self.versions else ""
            asset = build_asset(record, columns, asset_id or "", uri, version)
            position = self.start + index
            yield CatalogRow(position=position, asset=asset, data=data, problem=problem)

    def _column(self, name: str) -> Any:
        table = _reader.row_group(self._split.file, self._group, [name])
        return table.column(0).slice(self._rows.start - self._group_start, len(self._rows))

    def _id_texts(self, name: str) -> list[str | None]:
        column = self._column(name)
        values = column.to_pylist()
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            return [value or None for value in values]
        return [id_text(value) for value in values]

    def _pictures(self, wanted: Sequence[int]) -> Iterator[tuple[bytes | None, str]]:
        """Stream the pictures' bytes and paths of the wanted rows, a few rows in memory."""
        opened = _reader.open(self._split.file)
        remaining = iter(self._rows[index] - self._group_start for index in wanted)
        target = next(remaining, None)
        row = 0
        for batch in opened.iter_batches(
            batch_size=_PICTURES_AT_ONCE, row_groups=[self._group], columns=[self._columns.uri]
        ):
            values = batch.column(0)
            while target is not None and target < row + len(values):
                yield _bytes_and_path(values[target - row].as_py())
                target = next(remaining, None)
            if target is None:
                return
            row += len(values)


def _bytes_and_path(value: Any) -> tuple[bytes | None, str]:
    if isinstance(value, dict):
        return value.get("bytes"), str(value.get("path") or "")
    return value, ""


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and kind.get_field_index("path") >= 0
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _as_dict(given: ColumnNames) -> dict[str, str]:
    return {name: getattr(given, name) for name in ColumnNames.__slots__}
