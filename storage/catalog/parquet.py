"""Parquet: ids are read for all rows of a split, pictures only for those to be done."""

import bisect
import itertools
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
    plain_text,
)
from storage.catalog.opening import local_path, open_file
from storage.catalog.split import ROWS_PER_SPLIT, CatalogFile, CatalogRow, RowRange, Split
from storage.inside import cell_uri

_SPLITS_PER_ROW_GROUP = 64
_PICTURES_AT_ONCE = 32
_OPEN_FILES = 16
_CACHED_BYTES = 64 << 20
_CACHED_TABLES = 1024
# What is no UTF-8, no date of this world, or in no known time zone.
_UNREADABLE = (ValueError, OverflowError, KeyError)


def open_parquet(uri: str) -> pq.ParquetFile:
    """Open a file: mapped where it is local, with whole column chunks at once elsewhere."""
    path = local_path(uri)
    if path is None:
        return pq.ParquetFile(open_file(uri), pre_buffer=True)
    return pq.ParquetFile(path, memory_map=True)


class _Reader(threading.local):
    """This thread's open files, and the ids it read last: neighbouring splits share row groups."""

    def __init__(self) -> None:
        self._files: OrderedDict[CatalogFile, tuple[pq.ParquetFile, list[int]]] = OrderedDict()
        self._tables: OrderedDict[tuple[object, ...], pa.Table] = OrderedDict()
        self._bytes = 0

    def open(self, file: CatalogFile) -> pq.ParquetFile:
        """Open a file, or take the one that is open."""
        return self._open(file)[0]

    def group_starts(self, file: CatalogFile) -> list[int]:
        """The first row of each row group, and the number of all rows."""
        return self._open(file)[1]

    def row_group(self, file: CatalogFile, group: int, columns: Sequence[str]) -> pa.Table:
        """Read the given columns of a row group, or take them as read before."""
        key = (file, group, *columns)
        table = self._tables.get(key)
        if table is None:
            table = self.open(file).read_row_group(group, columns=list(columns))
            if table.nbytes > _CACHED_BYTES:
                return table
            self._tables[key] = table
            self._bytes += table.nbytes
            while self._bytes > _CACHED_BYTES or len(self._tables) > _CACHED_TABLES:
                self._bytes -= self._tables.popitem(last=False)[1].nbytes
        else:
            self._tables.move_to_end(key)
        return table

    def _open(self, file: CatalogFile) -> tuple[pq.ParquetFile, list[int]]:
        if file in self._files:
            self._files.move_to_end(file)
            return self._files[file]
        opened = open_parquet(file.uri)
        groups = range(opened.num_row_groups)
        sizes = (opened.metadata.row_group(group).num_rows for group in groups)
        self._files[file] = opened, list(itertools.accumulate(sizes, initial=0))
        if len(self._files) > _OPEN_FILES:
            self._files.popitem(last=False)
        return self._files[file]


_reader = _Reader()


def plan(file: CatalogFile, given: ColumnNames) -> Iterator[RowRange]:
    """Cut the file into runs of rows.

    Row groups without pictures are cut into splits of a thousand rows, into at most 64: a split
    pays for reading its whole row group. Row groups that hold pictures are one split each. Row
    groups of less than a thousand rows are taken together.
    """
    picture = find_columns(file, given)[1]
    first = 0
    for start, stop in itertools.pairwise(_reader.group_starts(file)):
        rows = stop - start
        if stop - first > ROWS_PER_SPLIT and start > first:
            yield RowRange(start=first, stop=start)
            first = start
        if rows >= ROWS_PER_SPLIT:
            step = rows if picture else max(ROWS_PER_SPLIT, -(-rows // _SPLITS_PER_ROW_GROUP))
            for begin in range(start, stop, step):
                yield RowRange(start=begin, stop=min(begin + step, stop))
            first = stop
    last = _reader.group_starts(file)[-1]
    if last > first:
        yield RowRange(start=first, stop=last)


def read(split: Split, given: ColumnNames) -> Iterator["ParquetBlock"]:
    """Read a split, one block a row group."""
    columns, picture = find_columns(split.file, given)
    starts = _reader.group_starts(split.file)
    for group in range(bisect.bisect_right(starts, split.rows.start) - 1, len(starts) - 1):
        start = starts[group]
        first, stop = max(split.rows.start, start), min(split.rows.stop, starts[group + 1])
        if start >= split.rows.stop:
            return
        if first < stop:
            yield ParquetBlock(split, columns, picture, group, start, range(first, stop))


def find_columns(file: CatalogFile, given: ColumnNames) -> tuple[ColumnMap, bool]:
    """Find out which column is what, and whether the pictures' bytes are in the file.

    Raises:
        CatalogError: see :func:`storage.catalog.columns.map_columns`.

    """
    schema = _reader.open(file).schema_arrow
    holders = [field.name for field in schema if _holds_bytes(field.type)]
    columns = map_columns(schema.names, given, pictures=holders)
    pictures = [name for name in holders if name not in columns.known - {columns.uri}]
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
        file_name = split.file.name or split.file.uri.rpartition("/")[2]
        id_column = columns.id or ("" if picture else columns.uri)
        if id_column:
            self.ids: list[str | None] = [id_text(value) for value in self._values_of(id_column)]
            self.versions: list[str] | None = None
            if columns.version:
                self.versions = [plain_text(value) for value in self._values_of(columns.version)]
        else:
            # Rows without a name are known by where they stand in the file as it is now.
            self.ids = [f"{file_name}#{row}" for row in rows]
            self.versions = [split.file.identity] * len(rows)

    def rows(self, wanted: Sequence[int], *, pictures: bool = True) -> Iterator[CatalogRow]:
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
        if columns.uri and not self._picture:
            light.append(columns.uri)
        indices = pa.array([self._rows[index] - self._group_start for index in wanted])
        if light:
            table = _reader.row_group(self._split.file, self._group, light).take(indices)
            values = zip(*map(_values, table.columns), strict=True)
            records = [dict(zip(table.column_names, row, strict=True)) for row in values]
        else:
            records = [{} for _ in wanted]
        streamed = self._pictures(wanted) if self._picture and pictures else None
        for index, record in zip(wanted, records, strict=True):
            where = f"Row {self._rows[index] + 1} of {self._split.file.uri}"
            asset_id = self.ids[index]
            data, uri = None, plain_text(record.get(columns.uri))
            if streamed is not None:
                data, uri = next(streamed)
            problem = missing_id(where) if asset_id is None else None
            if problem is None and data is None and not uri:
                problem = missing_uri(where)
            if data is not None:
                if uri:
                    # A name that the picture had once, from where it cannot be read.
                    record[f"{columns.uri}.path"] = uri
                uri = cell_uri(self._split.file.uri, columns.uri, self._rows[index])
            version = self.versions[index] if self.versions else ""
            asset = build_asset(record, columns, asset_id or "", uri, version)
            position = self.start + index
            yield CatalogRow(position=position, asset=asset, data=data, problem=problem)

    def _values_of(self, name: str) -> list[Any]:
        table = _reader.row_group(self._split.file, self._group, [name])
        return _values(table.column(0).slice(self._rows.start - self._group_start, len(self._rows)))

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
                yield _bytes_and_path(values[target - row])
                target = next(remaining, None)
            if target is None:
                return
            row += len(values)


def read_picture(file: CatalogFile, column: str, row: int) -> bytes | None:
    """Read one picture's bytes, and of its row group what lies before it.

    Returns:
        None where the file has no such row or column, or no bytes there.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no Parquet file.

    """
    starts = _reader.group_starts(file)
    opened = _reader.open(file)
    if not 0 <= row < starts[-1] or column not in opened.schema_arrow.names:
        return None
    group = bisect.bisect_right(starts, row) - 1
    left = row - starts[group]
    for batch in opened.iter_batches(
        batch_size=_PICTURES_AT_ONCE, row_groups=[group], columns=[column]
    ):
        if left < len(batch):
            kind = batch.schema.field(0).type
            return _bytes_and_path(batch.column(0)[left])[0] if _holds_bytes(kind) else None
        left -= len(batch)
    return None


def _values(column: "pa.ChunkedArray[Any]") -> list[Any]:
    """A column's values; one that Python cannot hold comes as text, and fails no other."""
    try:
        return list(column.to_pylist())
    except _UNREADABLE:
        return [_value(scalar) for scalar in column]


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except _UNREADABLE:
        if isinstance(scalar, (pa.StringScalar, pa.LargeStringScalar)):
            return scalar.as_buffer().to_pybytes().decode("utf-8", "backslashreplace")
        return str(scalar.value) if pa.types.is_temporal(scalar.type) else None


def _bytes_and_path(scalar: Any) -> tuple[bytes | None, str]:
    if isinstance(scalar, pa.StructScalar):
        if not scalar.is_valid:
            return None, ""
        return scalar["bytes"].as_py(), plain_text(_value(scalar["path"]))
    return scalar.as_py(), ""


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        return {"bytes", "path"} <= set(names) and _holds_bytes(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _as_dict(given: ColumnNames) -> dict[str, Any]:
    return {name: getattr(given, name) for name in ColumnNames.__slots__}
