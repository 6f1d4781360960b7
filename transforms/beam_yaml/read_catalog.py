"""``ReadCatalog`` of a YAML pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection, Row

from schemas.errors import UsageError
from storage.catalog.columns import ColumnNames
from transforms import read_catalog
from transforms.beam_yaml.rows import picture_rows


@dataclass(kw_only=True, eq=False)
class ReadCatalog(beam.PTransform[PBegin, PCollection[Row]]):
    """Read a catalog's rows, pictures not yet loaded; a row that cannot be read has a ``problem``.

    Attributes:
        catalog: a file, folder or glob; a relative path starts from the current directory.
        columns: column names where they are not the usual ones, such as ``id: sku``.
        limit: rows taken from the catalog's beginning; all by default.

    Raises:
        UsageError: the catalog cannot serve, or a setting is out of range; raised when the
            pipeline is built.

    """

    catalog: str
    columns: Mapping[str, str] | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        super().__init__()
        known = [field.name for field in fields(ColumnNames) if field.type is str]
        unknown = set(self.columns or ()) - set(known)
        if unknown:
            raise UsageError(
                f"columns may name {', '.join(known)}, not {', '.join(sorted(unknown))}."
            )
        columns: dict[str, Any] = dict(self.columns or {})
        self._read = read_catalog.ReadCatalog(
            catalog=self.catalog, columns=ColumnNames(**columns), limit=self.limit
        )

    def expand(self, begin: PBegin) -> PCollection[Row]:
        """Read the catalog, and give its pictures as rows."""
        return picture_rows(begin | self._read)
