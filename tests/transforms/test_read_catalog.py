"""A catalog in a pipeline of one's own: one element a row, and nothing large is shuffled."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from runners.local import local_pipeline
from schemas.errors import CatalogError, RowError, RunError, UsageError
from schemas.failure import FailureKind
from storage.catalog.columns import ColumnNames
from storage.catalog.read_blocks import check_unchanged, read_rows
from tests.transforms.own_pipelines import outputs_of, shuffles_of
from tests.transforms.reading import IDS
from tests.transforms.work import a_catalog
from transforms import read_catalog
from transforms.catalog_picture import CatalogPicture
from transforms.read_catalog import ReadCatalog


def read(catalog: Path | str, **settings: Any) -> list[CatalogPicture]:
    step = ReadCatalog(catalog=str(catalog), **settings)
    (pictures,) = outputs_of(lambda begin: (begin | step,))
    return sorted(pictures, key=lambda picture: (picture.file, picture.row, picture.asset.uri))


def test_a_folder_gives_one_reference_a_picture(pictures: list[Path]) -> None:
    folder = pictures[0].parent
    found = read(folder)
    assert [picture.asset.asset_id for picture in found] == [path.name for path in pictures]
    assert [picture.asset.uri for picture in found] == list(map(str, pictures))
    for picture, path in zip(found, pictures, strict=True):
        info = path.stat()
        assert picture.asset.content_version == f"{info.st_size}-{info.st_mtime_ns}"
        assert (picture.data, picture.problem, picture.local) == (None, None, True)


def test_a_relative_path_starts_from_the_current_directory(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pictures[0].parent
    monkeypatch.chdir(folder.parent)
    assert read(folder.name) == read(folder)


def test_a_table_of_uris_gives_references(catalog: Path, pictures: list[Path]) -> None:
    found = read(catalog)
    assert [picture.asset.asset_id for picture in found] == IDS
    assert [picture.asset.uri for picture in found] == list(map(str, pictures))
    assert [(picture.file, picture.row) for picture in found] == [
        (str(catalog), number) for number in range(40)
    ]
    assert {picture.data for picture in found} == {None}


def test_pictures_inside_the_catalog_come_with_their_rows(
    tmp_path: Path, pictures: list[Path]
) -> None:
    data = [path.read_bytes() for path in pictures]
    table = a_catalog(tmp_path / "c.parquet", IDS, [""] * 40, image=pa.array(data))
    found = read(table, columns=ColumnNames(uri="image"))
    assert [picture.data for picture in found] == data


def test_only_pieces_are_shuffled(catalog: Path) -> None:
    def build(begin: Any) -> Any:
        return begin | ReadCatalog(catalog=str(catalog))

    (shuffle,) = shuffles_of(build)
    assert "ShufflePieces" in shuffle


def test_the_elements_type_is_known_before_anything_runs(catalog: Path) -> None:
    found = local_pipeline() | ReadCatalog(catalog=str(catalog))
    assert found.element_type is CatalogPicture


def test_rows_that_cannot_be_read_come_with_their_problem(tmp_path: Path) -> None:
    catalog = tmp_path / "c.csv"
    catalog.write_text("id,uri,etag\na,a.png,1\n,b.png,2\ntoo,few\nd,,4\n")
    good, no_id, unreadable, no_uri = read(catalog)
    assert good.problem is None
    kinds = [picture.problem.kind for picture in (no_id, unreadable, no_uri) if picture.problem]
    assert kinds == [FailureKind.MISSING_ID, FailureKind.INVALID_ROW, FailureKind.INVALID_ROW]
    assert [picture.row for picture in (good, no_id, unreadable, no_uri)] == [0, 1, 2, 3]
    assert [picture.asset.content_version for picture in (no_id, no_uri)] == ["2", "4"]


def test_a_row_that_cannot_be_read_keeps_its_id_and_version(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(split: Any, block: Any, wanted: Any) -> Any:
        block.versions = [f"v{number}" for number in range(40)]
        for row in read_rows(split, block, wanted):
            problem = RowError(FailureKind.STORAGE_ERROR, "lost")
            yield type(row)(position=row.position, asset=row.asset, problem=problem)

    monkeypatch.setattr(read_catalog, "read_rows", fail)
    found = read(catalog)
    assert [picture.asset.asset_id for picture in found] == IDS
    assert found[7].asset.content_version == "v7"


def test_a_limit_takes_the_catalog_s_beginning(catalog: Path, pictures: list[Path]) -> None:
    assert [picture.asset.asset_id for picture in read(catalog, limit=7)] == IDS[:7]
    assert len(read(pictures[0].parent, limit=7)) == 7


def test_a_catalog_that_changes_while_it_is_read_ends_the_pipeline(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(split: Any) -> None:
        with catalog.open("ab") as file:
            file.write(b"more")
        check_unchanged(split)

    monkeypatch.setattr(read_catalog, "check_unchanged", change)
    with pytest.raises(RunError, match="was changed while"):
        read(catalog)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"catalog": " "}, "name of the catalog or the output is empty"),
        ({"limit": 0}, "limit must be at least 1, not 0"),
        ({"columns": ColumnNames(id="nope")}, "no column 'nope'"),
    ],
    ids=str,
)
def test_settings_that_cannot_serve_are_refused_before_the_graph_exists(
    catalog: Path, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        ReadCatalog(**{"catalog": str(catalog), **settings})


def test_a_catalog_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="There is no"):
        ReadCatalog(catalog=str(tmp_path / "absent.csv"))
