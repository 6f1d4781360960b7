"""COCO annotations as a catalog: joined into rows, which are staged as Parquet and read from there.

See :mod:`storage.catalog.listing`, where the same is done with folders.
"""

import hashlib
import itertools
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.asset import Asset
from schemas.errors import CatalogError, NoPictureError, RowError
from schemas.failure import FailureKind
from storage.catalog.coco_file import check_coco
from storage.catalog.coco_join import join_coco
from storage.catalog.columns import ColumnNames
from storage.catalog.parquet import open_parquet
from storage.catalog.split import (
    ROWS_PER_SPLIT,
    CatalogFile,
    CatalogRow,
    RowRange,
    Split,
    split_digest,
)
from storage.store import Store

_TEXTS = ("asset_id", "uri", "text", "license", "source", "attributes")
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        ("references", pa.list_(pa.string())),
        ("problem_kind", pa.string()),
        ("problem", pa.string()),
    ]
)
_SPLITS_PER_FILE = 100


def check(file: CatalogFile, given: ColumnNames) -> None:
    """Check that a file has a list of images.

    Raises:
        CatalogError: it has not, or columns were named, of which it has none.

    """
    named = (given.id, given.uri, given.text, given.license, given.source, given.references)
    if any(named) or given.version:
        raise CatalogError(
            f"{file.uri} holds COCO annotations, which have no columns. Leave out --columns."
        )
    check_coco(file.uri)


def plan_pieces(
    files: Sequence[CatalogFile], folder: str, limit: int | None
) -> Iterator[tuple[CatalogRow, ...]]:
    """Join files and cut the rows into pieces of a thousand."""
    rows = itertools.islice(join_coco(files, folder), limit)
    while piece := tuple(itertools.islice(rows, ROWS_PER_SPLIT)):
        yield piece


def stage_coco(
    files: Sequence[CatalogFile], folder: str, limit: int | None, store: Store, staging: str
) -> Iterator[Split]:
    """Write joined rows to Parquet files of the store, one split a row group; name the splits.

    Args:
        files: of annotations.
        folder: where file names start from; empty for each file's own folder.
        limit: take only so many rows from the beginning.
        store: gets the Parquet files.
        staging: the folder in it.

    """
    pieces = plan_pieces(files, folder, limit)
    offset = 0
    while some := list(itertools.islice(pieces, _SPLITS_PER_FILE)):
        yield from _write(some, store, staging, offset)
        offset += sum(map(len, some))


def _write(
    pieces: Sequence[tuple[CatalogRow, ...]], store: Store, folder: str, offset: int
) -> Iterator[Split]:
    sink = pa.BufferOutputStream()
    digests = []
    with pq.ParquetWriter(sink, _SCHEMA) as writer:
        for piece in pieces:
            rows = [_staged(row) for row in piece]
            writer.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), row_group_size=1 << 20)
            digests.append(split_digest("coco", *rows))
    content = sink.getvalue().to_pybytes()
    # Named by its content: a worker of a launcher thought dead may still read its own.
    path = f"{folder}/{hashlib.blake2b(content, digest_size=8).hexdigest()}.parquet"
    store.put(path, content)
    file = CatalogFile(uri=f"{store.uri}/{path}", identity="")
    start = 0
    for piece, digest in zip(pieces, digests, strict=True):
        yield Split(
            split_id=digest,
            offset=offset + start,
            file=file,
            format="coco",
            rows=RowRange(start=start, stop=start + len(piece)),
        )
        start += len(piece)


def _staged(row: CatalogRow) -> dict[str, object]:
    asset = row.asset
    problem = row.problem
    kind = "" if problem is None else problem.kind.value
    return {
        **{name: getattr(asset, name) for name in _TEXTS},
        "references": list(asset.references),
        "problem_kind": "no_picture" if isinstance(problem, NoPictureError) else kind,
        "problem": "" if problem is None else problem.message,
    }


def read(split: Split) -> Iterator["CocoBlock"]:
    """Read a split: its rows are those of one row group, or the first of them."""
    with open_parquet(split.file.uri) as opened:
        start = 0
        for group in range(opened.num_row_groups):
            if start == split.rows.start:
                table = opened.read_row_group(group)
                yield CocoBlock(table.slice(0, split.row_count))
                return
            start += opened.metadata.row_group(group).num_rows


class CocoBlock:
    """Rows of one split."""

    start = 0

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.ids: list[str | None] = [one or None for one in table["asset_id"].to_pylist()]
        self.versions = None

    def rows(self, wanted: Sequence[int], *, pictures: bool = True) -> Iterator[CatalogRow]:  # noqa: ARG002 - it holds none
        """Make assets of the wanted rows."""
        if not wanted:
            return
        rows = self._table.take(pa.array(wanted, pa.int64())).to_pylist()
        for index, row in zip(wanted, rows, strict=True):
            kind, problem = row.pop("problem_kind"), row.pop("problem")
            asset = Asset(**{**row, "references": tuple(row["references"])})
            yield CatalogRow(position=index, asset=asset, problem=_problem(kind, problem))


def _problem(kind: str, message: str) -> RowError | None:
    if not kind:
        return None
    if kind == "no_picture":
        return NoPictureError(FailureKind.INVALID_ROW, message)
    return RowError(FailureKind(kind), message)
