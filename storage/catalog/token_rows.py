"""Rows of a table of codes, read like those of a catalog: each is known by its key."""

import bisect
import itertools
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.arrow import arrow_schema, from_table
from schemas.asset import Asset
from schemas.errors import CatalogError, NoPictureError, RowError
from schemas.failure import FailureKind
from schemas.image_tokens import ImageTokens
from storage.catalog.parquet import open_parquet
from storage.catalog.split import CatalogFile, CatalogRow, Split

_ROWS_AT_ONCE = 256


def read(split: Split) -> Iterator["TokenBlock"]:
    """Read a split, one block a row group."""
    with open_parquet(split.file.uri) as opened:
        check(split.file, opened.schema_arrow)
        groups = range(opened.num_row_groups)
        sizes = (opened.metadata.row_group(group).num_rows for group in groups)
        starts = list(itertools.accumulate(sizes, initial=0))
        for group in range(bisect.bisect_right(starts, split.rows.start) - 1, len(groups)):
            first, stop = max(split.rows.start, starts[group]), starts[group + 1]
            stop = min(stop, split.rows.stop)
            if first < stop:
                yield TokenBlock(opened, split, group, starts[group], range(first, stop))


def check(file: CatalogFile, schema: pa.Schema | None = None) -> None:
    """Check that a file has the columns of a table of codes.

    Raises:
        CatalogError: it has not.

    """
    if schema is None:
        with open_parquet(file.uri) as opened:
            schema = opened.schema_arrow
    missing = [name for name in arrow_schema(ImageTokens).names if name not in schema.names]
    if missing:
        raise CatalogError(
            f"{file.uri} is no table of codes of this version of Calumma: it has no column "
            f"{missing[0]}. Make the codes again: calumma tokenize."
        )


class TokenBlock:
    """Rows of one row group."""

    def __init__(
        self, opened: pq.ParquetFile, split: Split, group: int, group_start: int, rows: range
    ) -> None:
        self._opened = opened
        self._split = split
        self._group = group
        self._skipped = rows.start - group_start
        self._rows = rows
        self.start = rows.start - split.rows.start
        keys = opened.read_row_group(group, columns=["key"])["key"]
        self.ids: list[str | None] = keys.slice(self._skipped, len(rows)).to_pylist()
        self.versions = None

    def rows(self, wanted: Sequence[int], *, pictures: bool = True) -> Iterator[CatalogRow]:  # noqa: ARG002
        """Read the wanted rows; the table holds no pictures to leave out."""
        if not wanted:
            return
        columns = arrow_schema(ImageTokens).names
        table = self._opened.read_row_group(self._group, columns=columns)
        for first in range(0, len(wanted), _ROWS_AT_ONCE):
            some = wanted[first : first + _ROWS_AT_ONCE]
            rows = from_table(ImageTokens, table.take([self._skipped + index for index in some]))
            for index, row in zip(some, rows, strict=True):
                yield _catalog_row(self.start + index, row)


def _catalog_row(position: int, row: ImageTokens) -> CatalogRow:
    asset = Asset(
        asset_id=row.asset_id,
        uri=row.uri,
        text=row.text,
        license=row.license,
        source=row.source,
        attributes=row.attributes,
    )
    problem: RowError | None = None
    if row.height < 1 or row.width < 1 or len(row.codes) != row.height * row.width:
        problem = RowError(
            FailureKind.INVALID_ROW,
            f"The row has {len(row.codes)} codes and says that its grid has {row.height} x "
            f"{row.width}. Tokenize the picture again.",
        )
    elif not row.uri:
        problem = NoPictureError(FailureKind.INVALID_ROW, "The row names no source picture.")
    return CatalogRow(position=position, asset=asset, problem=problem, tokens=row)
