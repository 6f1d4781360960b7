"""COCO annotations as a catalog: joined as in memory, and told of where they are bad."""

import gzip
import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from schemas.asset import Asset
from schemas.errors import CatalogError, NoPictureError
from schemas.failure import FailureKind
from storage.catalog import coco, coco_join
from storage.catalog.columns import ColumnNames
from storage.catalog.formats import read_split
from storage.catalog.plan import check_catalog, plan_pieces, plan_splits
from storage.catalog.split import CatalogFile, CatalogRow
from storage.store.local import LocalStore
from tests.servers.object_stores import at_server, moto_s3

PICTURES: dict[str, Any] = {
    "images": [
        {
            "id": 7,
            "file_name": "b.jpg",
            "width": 40,
            "height": 30,
            "license": 2,
            "coco_url": "http://coco/b.jpg",
            "date_captured": "2013",
        },
        {"id": 3, "file_name": "a.jpg", "width": 10, "height": 10, "license": 9},
    ],
    "licenses": [{"id": 2, "name": "CC BY", "url": "http://by"}],
}
BOXES = PICTURES | {
    "annotations": [
        {"id": 1, "image_id": 3, "category_id": 5, "bbox": [1, 2, 3.5, 4], "segmentation": [[1]]},
        {"id": 2, "image_id": 7, "category_id": 5, "bbox": [0.1, 0.2, 0.2, 0.1], "iscrowd": 1},
        {"id": 3, "image_id": 7, "category_id": 6, "bbox": [30, 20, 20, 20.5]},
    ],
    "categories": [{"id": 5, "name": "cat"}, {"id": 6, "name": "dog"}],
}
CAPTIONS = PICTURES | {
    "annotations": [
        {"id": 1, "image_id": 7, "caption": "two dogs"},
        {"id": 2, "image_id": 3, "caption": "a cat"},
        {"id": 3, "image_id": 7, "caption": "dogs"},
    ]
}


def write(path: Path, content: object) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def staged(
    tmp_path: Path, uri: str, folder: str = "", limit: int | None = None
) -> list[CatalogRow]:
    """The rows of a catalog through the Parquet files that it is staged in."""
    columns = ColumnNames(folder=folder)
    store = LocalStore(tmp_path / "store")
    rows: list[CatalogRow] = []
    for split in plan_splits(uri, columns, limit, store, "listing"):
        assert split.offset == len(rows)
        for block in read_split(split, columns):
            found = list(block.rows(range(len(block.ids))))
            assert [row.asset.asset_id or None for row in found] == list(block.ids)
            rows += found
    return rows


def attributes(asset: Asset) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asset.attributes)
    return found


def test_boxes_are_objects_in_pixels(tmp_path: Path) -> None:
    uri = write(tmp_path / "instances.json", BOXES)
    check_catalog(uri, ColumnNames())
    b, a = (row.asset for row in staged(tmp_path, uri))
    assert (b.asset_id, b.uri, b.license, b.source) == (
        "7",
        f"{tmp_path}/b.jpg",
        "CC BY",
        "http://coco/b.jpg",
    )
    assert attributes(b) == {
        "width": 40,
        "height": 30,
        "coco_url": "http://coco/b.jpg",
        "date_captured": "2013",
        "objects": [
            {"name": "cat", "box": [0.1, 0.2, 0.3, 0.3], "crowd": True},
            # Cut at the picture's edges.
            {"name": "dog", "box": [30, 20, 40, 30]},
        ],
    }
    # A licence without a name keeps its number: no list of allowed ones holds it by mistake.
    assert (a.asset_id, a.license, a.source) == ("3", "9", "")
    assert attributes(a)["objects"] == [{"name": "cat", "box": [1, 2, 4.5, 6]}]


def test_captions_are_references(tmp_path: Path) -> None:
    uri = write(tmp_path / "captions.json", CAPTIONS)
    b, a = (row.asset for row in staged(tmp_path, uri, "s3://pictures/train"))
    assert (b.text, b.references) == ("two dogs", ("two dogs", "dogs"))
    assert (a.text, a.references, a.uri) == ("a cat", ("a cat",), "s3://pictures/train/a.jpg")
    assert "objects" not in attributes(a)


def test_files_of_one_set_are_joined(tmp_path: Path) -> None:
    for name, content in {"captions_val": CAPTIONS, "instances_val": BOXES}.items():
        write(tmp_path / f"{name}.json", content)
    # Key points repeat the boxes, and another set counts its pictures from 1 too.
    write(tmp_path / "keypoints_val.json", BOXES)
    other = {"images": [{"id": 7, "file_name": "other.jpg"}], "annotations": [], "categories": []}
    write(tmp_path / "other_val.json", other)
    (tmp_path / "readme_val.txt").write_text("no catalog")
    rows = [row.asset for row in staged(tmp_path, f"{tmp_path}/*_val.json")]
    assert [(row.asset_id, Path(row.uri).name) for row in rows] == [
        ("7", "b.jpg"),
        ("3", "a.jpg"),
        ("7", "other.jpg"),
    ]
    assert rows[0].references == ("two dogs", "dogs")
    assert [one["name"] for one in attributes(rows[0])["objects"]] == ["cat", "dog"]
    assert attributes(rows[2])["objects"] == []


def test_sets_that_count_from_one_each_lose_nothing(tmp_path: Path) -> None:
    images = [{"id": 7, "file_name": "b.jpg"}]
    one = {"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]}
    for name, box, category, caption in (
        ("a_coco", one, "person", "two dogs"),
        ("b_again", one, "person", "two dogs"),
        ("c_lvis", one, "aerosol can", "dogs"),
        ("d_else", {**one, "bbox": [5, 6, 1, 1]}, "person", "two dogs"),
    ):
        said = {"id": 1, "image_id": 7, "caption": caption}
        content = {"images": images, "categories": [{"id": 1, "name": category}]}
        write(tmp_path / f"{name}.json", content | {"annotations": [box, said]})
    (row,) = staged(tmp_path, f"{tmp_path}/*.json")
    assert attributes(row.asset)["objects"] == [
        {"name": "person", "box": [1, 2, 4, 6]},
        {"name": "aerosol can", "box": [1, 2, 4, 6]},
        {"name": "person", "box": [5, 6, 6, 7]},
    ]
    assert row.asset.references == ("two dogs", "dogs")


def test_pictures_that_are_not_listed_are_not_held_in_memory(tmp_path: Path) -> None:
    count = 10_000
    strange = [{"id": number, "image_id": 100 + number} for number in range(count)]
    uri = write(tmp_path / "strange.json", PICTURES | {"annotations": strange})
    tracemalloc.start()
    rows = coco_join.join_coco([CatalogFile(uri=uri, identity="")], "")
    next(rows)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Of each a tuple with its id and its message takes 300 bytes.
    assert held < 100 * count
    assert sum(row.problem is not None for row in rows) == count


def test_what_cannot_be_placed_is_told(tmp_path: Path) -> None:
    content = {
        "images": [
            *BOXES["images"],
            {"id": 3, "file_name": "again.jpg"},
            {"file_name": "nameless.jpg"},
            {"id": 8},
            {"id": 9, "flickr_url": "http://flickr/9.jpg"},
            "no object",
        ],
        "annotations": [
            {"id": 11, "image_id": 3, "category_id": 99, "bbox": [0, 0, 1, 1]},
            {"id": 12, "image_id": 3, "category_id": 5, "bbox": [10, 0, 5, 5]},
            {"id": 13, "image_id": 3, "category_id": 5, "bbox": [0, 0, 0, 5]},
            {"id": 14, "image_id": 3, "category_id": 5, "bbox": [0, 0, "1", 5]},
            {"id": 15, "image_id": 3, "category_id": 5, "bbox": [-5, 0, 5, 5]},
            {"id": 16, "image_id": 404, "category_id": 5, "bbox": [0, 0, 1, 1]},
            {"id": 17, "image_id": 404, "category_id": 5, "bbox": [0, 0, 1, 1]},
            {"id": 18, "category_id": 5, "bbox": [0, 0, 1, 1]},
        ],
        "categories": BOXES["categories"],
    }
    uri = write(tmp_path / "bad.json", content)
    rows = staged(tmp_path, uri)
    assert [row.asset.asset_id for row in rows[:4]] == ["7", "3", "3", ""]
    left_out = attributes(rows[1].asset)["objects_left_out"]
    assert attributes(rows[1].asset)["objects"] == []
    assert {one["annotation"]: one["reason"] for one in left_out} == {
        11: "its category 99 is not listed",
        12: "its box lies outside the picture",
        13: "its box is empty",
        14: "its box is not four numbers",
        15: "its box lies outside the picture",
    }
    problems = {number: row.problem for number, row in enumerate(rows) if row.problem}
    assert sorted(problems) == [3, 4, 6, 7, 8]
    assert problems[3].kind is FailureKind.MISSING_ID
    assert f"{uri} ({tmp_path}/nameless.jpg) has no id" in problems[3].message
    assert isinstance(problems[4], NoPictureError)
    assert [row.asset.asset_id for row in rows[7:]] == ["bad.json#404", "bad.json#"]
    assert problems[6].kind is FailureKind.MISSING_ID
    assert rows[5].asset.uri == "http://flickr/9.jpg"
    assert problems[7].message == (
        f"2 annotations of {uri} are of image 404, which the file does not list among its images."
    )
    assert problems[8].message == f"An annotation of {uri} is of no image: image_id is missing."


@pytest.mark.parametrize("kept", [0.4, 0.8, 0.99])
def test_a_file_that_is_cut_short_is_a_failed_row_and_no_half(tmp_path: Path, kept: float) -> None:
    whole = json.dumps(BOXES)
    write(tmp_path / "whole.json", CAPTIONS)
    (tmp_path / "cut.json").write_text(whole[: int(len(whole) * kept)])
    rows = staged(tmp_path, f"{tmp_path}/*.json")
    assert [row.asset.asset_id for row in rows] == ["7", "3", "cut.json"]
    assert rows[0].asset.references == ("two dogs", "dogs")
    assert "objects" not in attributes(rows[0].asset)
    assert rows[2].problem is not None
    assert "cut.json is no whole JSON file" in rows[2].problem.message


def test_what_is_no_such_file_is_told_before_a_run(tmp_path: Path) -> None:
    for content, told in {
        '[{"question": "who?"}]': "it has no list of images",
        '{"questions": []}': "it has no list of images",
        '{"images": [': "is no whole JSON file",
        '{"images": {"a": 1}}': "it has no list of images",
        "": "is no whole JSON file",
        "\x80": "is no whole JSON file",
    }.items():
        (tmp_path / "x.json").write_bytes(content.encode("latin-1"))
        with pytest.raises(CatalogError, match=told):
            check_catalog(str(tmp_path / "x.json"), ColumnNames())
    uri = write(tmp_path / "x.json", BOXES)
    with pytest.raises(CatalogError, match="have no columns. Leave out --columns"):  # noqa: RUF043
        check_catalog(uri, ColumnNames(text="caption"))
    (tmp_path / "rows.csv").write_text("uri\na.jpg\n")
    with pytest.raises(CatalogError, match="--pictures is for COCO annotations"):
        check_catalog(str(tmp_path / "rows.csv"), ColumnNames(folder="/pictures"))


def test_numbers_about_shards_are_no_annotations(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("uri\na.jpg\n")
    write(tmp_path / "stats.json", {"count": 1})
    rows = staged(tmp_path, f"{tmp_path}/*s*")
    assert [row.asset.uri for row in rows] == ["a.jpg"]


def test_many_rows_are_those_of_a_join_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco, "ROWS_PER_SPLIT", 7)
    monkeypatch.setattr(coco, "_SPLITS_PER_FILE", 3)
    monkeypatch.setattr(coco_join, "_INSERTED_AT_ONCE", 5)
    drawn = random.Random(1)
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(60)]
    drawn.shuffle(images)
    annotations = [
        {"id": number, "image_id": drawn.randrange(60), "caption": f"caption {number}"}
        for number in range(150)
    ]
    # Lists in another order than usual, and compressed: gone through all the same.
    content = json.dumps({"annotations": annotations, "images": images}).encode()
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(content))
    uri = str(tmp_path / "c.json.gz")
    rows = staged(tmp_path, uri)
    assert [(row.asset.asset_id, row.asset.uri, row.asset.references) for row in rows] == [
        (
            str(image["id"]),
            f"{tmp_path}/{image['file_name']}",
            tuple(str(one["caption"]) for one in annotations if one["image_id"] == image["id"]),
        )
        for image in images
    ]
    assert [row.asset for row in staged(tmp_path, uri, limit=23)] == [
        row.asset for row in rows[:23]
    ]
    pieces = list(plan_pieces(uri, ColumnNames(), None))
    assert [row.asset for piece in pieces for row in piece] == [row.asset for row in rows]  # type: ignore[union-attr]


def test_the_same_file_gives_the_same_splits(tmp_path: Path) -> None:
    uri = write(tmp_path / "captions.json", CAPTIONS)

    def ids() -> list[str]:
        splits = plan_splits(uri, ColumnNames(), None, LocalStore(tmp_path / "store"), "listing")
        return [split.split_id for split in splits]

    before = ids()
    assert ids() == before
    write(tmp_path / "captions.json", BOXES)
    assert ids() != before


def test_a_file_in_an_object_store_is_read(tmp_path: Path) -> None:
    with moto_s3() as server, at_server(server):
        from storage.store import open_store

        store = open_store(f"s3://{server.bucket}/coco")
        store.put("annotations.json", json.dumps(BOXES).encode())
        uri = f"{store.uri}/annotations.json"
        check_catalog(uri, ColumnNames())
        rows = staged(tmp_path, uri)
    assert [row.asset.uri for row in rows] == [f"{store.uri}/b.jpg", f"{store.uri}/a.jpg"]
