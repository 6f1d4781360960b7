"""Parquet catalogs: every row of every row group, once, with its values as others read them."""

import datetime
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import CatalogError
from storage.catalog import parquet
from storage.catalog.columns import ColumnNames
from storage.catalog.formats import read_split
from storage.catalog.plan import check_catalog
from storage.catalog.split import CatalogRow
from tests.storage.catalog.conftest import problem_of, read_all, splits_of

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write(path: Path, *groups: dict[str, Any]) -> Path:
    """Write a file of one row group for each table."""
    tables = [pa.table(group) for group in groups]
    with pq.ParquetWriter(path, tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=max(len(table), 1))
    return path


def numbered(count: int, start: int = 0) -> dict[str, Any]:
    ids = [f"i{number}" for number in range(start, start + count)]
    return {"id": ids, "uri": [f"{name}.jpg" for name in ids]}


def read(path: Path, given: ColumnNames | None = None) -> list[CatalogRow]:
    given = given or ColumnNames()
    return read_all(splits_of(path, given), given)


def attributes(row: CatalogRow) -> dict[str, Any]:
    return dict(json.loads(row.asset.attributes))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    rows_per_split=st.integers(1, 8),
    with_pictures=st.booleans(),
)
def test_the_splits_hold_all_rows_in_order_whatever_the_row_groups(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    sizes: list[int],
    rows_per_split: int,
    with_pictures: bool,
) -> None:
    monkeypatch.setattr(parquet, "ROWS_PER_SPLIT", rows_per_split)
    monkeypatch.setattr(parquet, "_PICTURES_AT_ONCE", 3)
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    groups = [numbered(size, start) for start, size in zip(starts, sizes, strict=True)]
    if with_pictures:
        for group in groups:
            group["photo"] = pa.array([name.encode() for name in group["id"]], pa.binary())
    tables = [
        {name: pa.array(v, None if name == "photo" else pa.string()) for name, v in group.items()}
        for group in groups
    ]
    path = write(tmp_path_factory.mktemp("catalog") / "catalog.parquet", *tables)
    splits = splits_of(path)
    largest = max([rows_per_split, *sizes]) if with_pictures else rows_per_split
    assert all(0 < split.row_count <= largest for split in splits)
    expected = pq.ParquetFile(path).read()["id"].to_pylist()
    rows = read_all(splits)
    assert [row.asset.asset_id for row in rows] == expected
    assert [row.data for row in rows] == [
        name.encode() if with_pictures else None for name in expected
    ]


def test_splits_are_of_a_thousand_rows_and_at_most_64_a_row_group(tmp_path: Path) -> None:
    path = write(tmp_path / "catalog.parquet", numbered(2500), numbered(100_000), numbered(10))
    counts = [split.row_count for split in splits_of(path)]
    assert counts[:3] == [1000, 1000, 500]
    assert counts[3:66] == [1563] * 63
    assert counts[66:] == [100_000 - 63 * 1563, 10]


def test_small_row_groups_are_taken_together(tmp_path: Path) -> None:
    path = write(tmp_path / "catalog.parquet", *[numbered(250, 250 * n) for n in range(10)])
    splits = splits_of(path)
    assert [split.row_count for split in splits] == [1000, 1000, 500]
    assert [row.asset.asset_id for row in read_all(splits)] == [f"i{n}" for n in range(2500)]


def test_only_the_wanted_rows_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = numbered(40) | {"etag": ["e"] * 40, "photo": [b"x"] * 40, "note": ["n"] * 40}
    (split,) = splits_of(write(tmp_path / "catalog.parquet", table))
    asked: list[str] = []
    plain = parquet._reader.row_group

    def watching(file: Any, group: int, columns: Any) -> Any:
        asked.extend(columns)
        return plain(file, group, columns)

    monkeypatch.setattr(parquet._reader, "row_group", watching)
    (block,) = read_split(split, ColumnNames())
    assert list(block.rows([])) == []
    assert set(asked) == {"id", "etag"}
    rows = list(block.rows([3, 33]))
    assert [(row.position, row.asset.asset_id, row.data) for row in rows] == [
        (3, "i3", b"x"),
        (33, "i33", b"x"),
    ]
    assert "photo" not in asked


def test_a_datasets_export(tmp_path: Path) -> None:
    images = [
        {"bytes": b"jpeg", "path": "a.jpg"},
        {"bytes": None, "path": "b.jpg"},
        {"bytes": b"png", "path": None},
        {"bytes": None, "path": None},
        None,
    ]
    table = {"image": pa.array(images, IMAGE), "label": range(5)}
    path = write(tmp_path / "train.parquet", table)
    rows = read(path)
    assert [row.data for row in rows] == [b"jpeg", None, b"png", None, None]
    first, third = f"{path}#image[0]", f"{path}#image[2]"
    assert [row.asset.uri for row in rows] == [first, "b.jpg", third, "", ""]
    assert attributes(rows[0]) == {"label": 0, "image.path": "a.jpg"}
    assert [problem_of(row) for row in rows] == ["", "", "", "invalid_row", "invalid_row"]
    assert [row.asset.asset_id for row in rows] == [f"train.parquet#{row}" for row in range(5)]
    assert {row.asset.content_version for row in rows} == {splits_of(path)[0].file.identity}
    assert attributes(rows[3]) == {"label": 3}


def test_bytes_in_a_column_of_any_name_win_over_a_path(tmp_path: Path) -> None:
    for photo in ([b"x"], pa.array([b"x"], pa.large_binary())):
        (row,) = read(write(tmp_path / "c.parquet", {"id": ["a"], "url": ["u"], "photo": photo}))
        assert row.data == b"x"
        assert attributes(row) == {"url": "u"}


def test_bytes_that_stand_for_something_else_are_no_pictures(tmp_path: Path) -> None:
    table = {"id": [b"sku-1"], "sha256": [b"\xff\x00"], "text": [b"caf\xc3\xa9"], "url": ["u"]}
    (row,) = read(write(tmp_path / "c.parquet", table))
    assert row.data is None
    assert (row.asset.uri, row.asset.asset_id) == ("u", "sku-1")
    assert (row.asset.content_version, row.asset.text) == ("ff00", "café")
    with pytest.raises(CatalogError, match="where the pictures are"):
        check_catalog(str(write(tmp_path / "c.parquet", {"id": [b"a"]})), ColumnNames())


def test_ids_of_many_types(tmp_path: Path) -> None:
    for ids, expected in [
        (["a", None, ""], ["a", "", ""]),
        (pa.array(["a", None, ""], pa.large_string()), ["a", "", ""]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", "", "a"]),
        ([1, None, 0], ["1", "", "0"]),
        ([1.5, math.nan, None], ["1.5", "", ""]),
        (pa.array([None, None, None], pa.null()), ["", "", ""]),
        (pa.array([1, 2, 3], pa.decimal128(5, 2)), ["1.00", "2.00", "3.00"]),
    ]:
        rows = read(write(tmp_path / "c.parquet", {"id": ids, "uri": ["u", "v", "w"]}))
        assert [row.asset.asset_id for row in rows] == expected
        assert [problem_of(row) for row in rows] == [
            "" if name else "missing_id" for name in expected
        ]


def test_attributes_are_what_pandas_reads(tmp_path: Path) -> None:
    moment = datetime.datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=datetime.UTC)
    table = {
        "uri": ["u", "v"],
        "price": [Decimal("1.50"), None],
        "taken": pa.array([moment, None], pa.timestamp("us", "UTC")),
        "day": [moment.date(), None],
        "score": [0.5, math.nan],
        "colour": pa.array(["red", "red"]).dictionary_encode(),
        "box": [{"at": [1, 2], "raw": b"x"}, None],
        "tags": [["a", None], []],
        "sizes": pa.array([[("w", 3)], []], pa.map_(pa.string(), pa.int32())),
        "blob": [b"x", None],
        "all null": pa.array([None, None], pa.null()),
    }
    first, second = read(write(tmp_path / "catalog.parquet", table), ColumnNames(uri="uri"))
    frame = pd.read_parquet(tmp_path / "catalog.parquet")
    assert attributes(first) == {
        "price": str(frame["price"][0]),
        "taken": str(frame["taken"][0]),
        "day": str(frame["day"][0]),
        "score": frame["score"][0],
        "colour": frame["colour"][0],
        "box": {"at": list(frame["box"][0]["at"])},
        "tags": list(frame["tags"][0]),
        "sizes": [list(pair) for pair in frame["sizes"][0]],
        "all null": None,
    }
    assert attributes(second) == dict.fromkeys(attributes(first)) | {
        "colour": "red",
        "tags": [],
        "sizes": [],
        "blob": None,
    }


def broken_text(*values: bytes) -> Any:
    """A text column of bytes that are no UTF-8, as writers that do not check leave them."""
    return pa.array(list(values), pa.binary()).view(pa.string())


def test_values_that_python_cannot_hold_fail_no_row(tmp_path: Path) -> None:
    table = {
        "id": broken_text(b"a", b"\xff"),
        "uri": ["u", "v"],
        "text": broken_text(b"caf\xe9", b"fine"),
        "updated": pa.array([2**61, 0], pa.int64()).cast(pa.timestamp("us")),
        "taken": pa.array([0, 0], pa.int64()).cast(pa.timestamp("us", "Nowhere/Known")),
    }
    first, second = read(write(tmp_path / "catalog.parquet", table))
    assert (first.asset.asset_id, second.asset.asset_id) == ("a", "\\xff")
    assert (first.asset.text, second.asset.text) == ("caf\\xe9", "fine")
    assert (first.asset.content_version, second.asset.content_version) == (
        str(2**61),
        "1970-01-01 00:00:00",
    )
    assert attributes(first) == {"taken": "0"}


def test_versions_of_nanoseconds_are_told_apart(tmp_path: Path) -> None:
    moments = pa.array([1, 2, None], pa.int64()).cast(pa.timestamp("ns"))
    rows = read(write(tmp_path / "c.parquet", {"uri": ["u", "v", "w"], "updated": moments}))
    versions = [row.asset.content_version for row in rows]
    assert len(set(versions)) == 3
    assert versions[2] == ""


def test_a_file_without_rows_and_one_of_empty_row_groups(tmp_path: Path) -> None:
    empty = {"id": pa.array([], pa.string()), "uri": pa.array([], pa.string())}
    assert splits_of(write(tmp_path / "a.parquet", empty)) == []
    path = write(tmp_path / "b.parquet", empty, numbered(2), empty, numbered(3, 2), empty)
    assert [row.asset.asset_id for row in read(path)] == [f"i{n}" for n in range(5)]


def test_a_file_that_changes_is_read_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "catalog.parquet"
    assert len(read(write(path, numbered(2)))) == 2
    path.unlink()
    assert len(read(write(path, numbered(3)))) == 3


def test_tables_read_before_are_kept_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_CACHED_TABLES", 4)
    path = write(tmp_path / "catalog.parquet", *[numbered(3, 3 * n) for n in range(20)])
    assert len(read(path)) == 60
    kept = parquet._reader._tables
    assert len(kept) <= 4
    assert parquet._reader._bytes == sum(table.nbytes for table in kept.values())
