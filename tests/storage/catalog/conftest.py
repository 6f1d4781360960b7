"""Catalogs on disk, and everything that reading one gives."""

from collections.abc import Sequence
from pathlib import Path

from storage.catalog.columns import ColumnNames
from storage.catalog.formats import read_split
from storage.catalog.plan import plan_splits
from storage.catalog.split import CatalogRow, Split
from storage.store.local import LocalStore

NONE_GIVEN = ColumnNames()


def splits_of(
    uri: str | Path, given: ColumnNames = NONE_GIVEN, limit: int | None = None, out: str = "/dev"
) -> list[Split]:
    return list(plan_splits(str(uri), given, limit, LocalStore(Path(out)), "listing"))


def rows_of(split: Split, given: ColumnNames = NONE_GIVEN) -> list[CatalogRow]:
    """Read a split whole, and check what every reader promises of blocks and positions."""
    assert not split.problem, split.problem
    rows: list[CatalogRow] = []
    for block in read_split(split, given):
        assert block.start == len(rows)
        assert block.versions is None or len(block.versions) == len(block.ids)
        found = list(block.rows(range(len(block.ids))))
        assert [row.position for row in found] == list(
            range(block.start, block.start + len(block.ids))
        )
        for asset_id, row in zip(block.ids, found, strict=True):
            assert (asset_id or "") == row.asset.asset_id
        rows.extend(found)
    return rows


def read_all(splits: Sequence[Split], given: ColumnNames = NONE_GIVEN) -> list[CatalogRow]:
    """Read all splits, and check that they follow each other and hold the rows they say."""
    rows: list[CatalogRow] = []
    for split in splits:
        assert split.offset == len(rows)
        found = rows_of(split, given)
        assert len(found) == split.row_count
        rows.extend(found)
    return rows


def problem_of(row: CatalogRow) -> str:
    return "" if row.problem is None else row.problem.kind.value
