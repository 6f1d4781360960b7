"""Reading a catalog into a pipeline of one's own: one element a row, pictures not yet loaded."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection

from schemas.errors import UsageError
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import check_catalog, plan_pieces
from storage.catalog.read_blocks import check_unchanged, read_blocks, read_rows
from storage.catalog.split import CatalogRow, Split
from storage.fetching.policy import scheme_of
from storage.uris import absolute_uri
from transforms.catalog_picture import CatalogPicture


@dataclass(kw_only=True, eq=False)
class ReadCatalog(beam.PTransform[PBegin, PCollection[CatalogPicture]]):
    """Read a catalog's rows, each as one :class:`CatalogPicture`.

    The catalog is cut into pieces of about a thousand rows, and only those are shuffled. Pictures
    that lie inside the catalog (Parquet, tar) are read behind that shuffle, with their rows; others
    stay where they are. A row that cannot be read is an element with a ``problem``.

    Attributes:
        catalog: a file, folder or glob; a relative path starts from the current directory.
        columns: column names, where they are not the usual ones.
        limit: rows taken from the catalog's beginning; None for all.

    Raises:
        UsageError: the limit is below 1, or the catalog has no name.
        CatalogError: nothing is there, or it cannot serve as a catalog. Both are raised when the
            transform is made.

    """

    catalog: str
    columns: ColumnNames = field(default_factory=ColumnNames)
    limit: int | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self.catalog = absolute_uri(self.catalog)
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"The limit must be at least 1, not {self.limit}.")
        check_catalog(self.catalog, self.columns)

    def expand(self, begin: PBegin) -> PCollection[CatalogPicture]:
        """Plan, shuffle the pieces, read."""
        pictures: PCollection[CatalogPicture] = (
            begin
            | "Catalog" >> beam.Create([self.catalog])
            | "PlanPieces" >> beam.ParDo(_PlanPieces(self.columns, self.limit))
            | "ShufflePieces" >> beam.Reshuffle()
            | "ReadPieces" >> beam.ParDo(_ReadPieces(self.catalog, self.columns))
        )
        return pictures


class _PlanPieces(beam.DoFn):
    """A catalog's name in, its pieces out."""

    def __init__(self, columns: ColumnNames, limit: int | None) -> None:
        self._columns = columns
        self._limit = limit

    def process(self, catalog: str) -> Iterator[Split | tuple[CatalogRow, ...]]:
        yield from plan_pieces(catalog, self._columns, self._limit)


class _ReadPieces(beam.DoFn):
    """Pieces in, their rows out."""

    def __init__(self, catalog: str, columns: ColumnNames) -> None:
        self._catalog = catalog
        self._columns = columns
        self._local = scheme_of(catalog) == "file"

    def process(self, piece: Split | tuple[CatalogRow, ...]) -> Iterator[CatalogPicture]:
        if isinstance(piece, Split):
            yield from self._read(piece)
            return
        for row in piece:
            yield CatalogPicture(
                asset=row.asset,
                file=self._catalog,
                row=row.position,
                local=self._local,
                problem=row.problem,
            )

    def _read(self, split: Split) -> Iterator[CatalogPicture]:
        for block in read_blocks(split, self._columns):
            for row in read_rows(split, block, range(len(block.ids))):
                asset = row.asset
                if row.problem is not None and block.versions is not None:
                    # Of a row that cannot be read its version is known all the same.
                    version = block.versions[row.position - block.start]
                    asset = replace(asset, content_version=version)
                yield CatalogPicture(
                    asset=asset,
                    data=row.data,
                    file=split.file.uri,
                    row=split.rows.start + row.position,
                    local=self._local,
                    problem=row.problem,
                )
        check_unchanged(split)
