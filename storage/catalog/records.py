"""Rows that arrive as records (CSV, JSON lines): everything is read with the id."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.asset import Asset
from schemas.errors import RowError
from storage.catalog.columns import (
    ColumnMap,
    build_asset,
    id_text,
    missing_id,
    missing_uri,
    plain_text,
)
from storage.catalog.split import CatalogRow, Split

Record = Mapping[str, Any] | RowError


class RecordBlock:
    """A block of records of one split. A record that could not be parsed is a RowError."""

    def __init__(
        self, split: Split, columns: ColumnMap, start: int, records: Sequence[Record]
    ) -> None:
        self._split = split
        self._columns = columns
        self.start = start
        self._records = records
        id_column = columns.id or columns.uri
        self.ids: list[str | None] = [
            None if isinstance(record, RowError) else id_text(record.get(id_column))
            for record in records
        ]
        self.versions: list[str] | None = None
        if columns.version:
            self.versions = [
                "" if isinstance(record, RowError) else plain_text(record.get(columns.version))
                for record in records
            ]

    def rows(self, wanted: Sequence[int], *, pictures: bool = True) -> Iterator[CatalogRow]:  # noqa: ARG002 - it holds none
        """Make assets of the wanted records."""
        for index in wanted:
            record = self._records[index]
            position = self.start + index
            where = f"Row {self._split.rows.start + position + 1} of {self._split.file.uri}"
            if isinstance(record, RowError):
                empty = Asset(asset_id="", uri="")
                yield CatalogRow(position=position, asset=empty, problem=record)
                continue
            asset_id = self.ids[index]
            uri = plain_text(record.get(self._columns.uri))
            problem = missing_id(where) if asset_id is None else None
            if problem is None and not uri:
                problem = missing_uri(where)
            version = self.versions[index] if self.versions else ""
            asset = build_asset(record, self._columns, asset_id or "", uri, version)
            yield CatalogRow(position=position, asset=asset, problem=problem)
