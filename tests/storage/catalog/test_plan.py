"""What is behind a catalog's uri, and how it is cut into splits."""

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import CatalogError
from storage.catalog import delimited
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import check_catalog
from storage.filesystems import open_filesystem
from tests.servers.object_stores import at_server, moto_s3
from tests.storage.catalog.conftest import read_all, splits_of


def write_csv(path: Path, *ids: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("id,uri\n" + "".join(f"{name},u\n" for name in ids))
    return path


def parquet_bytes(*pictures: bytes) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"image": list(pictures)}), sink)
    return sink.getvalue()


def write_parquet(path: Path, *pictures: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(parquet_bytes(*pictures))
    return path


def write_tar(path: Path, *keys: str) -> Path:
    with tarfile.open(path, "w") as archive:
        for key in keys:
            archive.addfile(tarfile.TarInfo(f"{key}.jpg"))
    return path


def ids(uri: str | Path, out: Path) -> list[str]:
    return [row.asset.asset_id for row in read_all(splits_of(uri, out=str(out)))]


def error_of(uri: str | Path, given: ColumnNames | None = None) -> str:
    with pytest.raises(CatalogError) as caught:
        check_catalog(str(uri), given or ColumnNames())
    return str(caught.value)


def test_a_file_a_folder_and_a_glob_of_catalogs(tmp_path: Path) -> None:
    catalogs = tmp_path / "in"
    write_csv(catalogs / "b.csv", "b1", "b2")
    write_csv(catalogs / "a.csv", "a1")
    (catalogs / "c.jsonl").write_text('{"uri": "c1"}\n')
    assert ids(catalogs / "b.csv", tmp_path) == ["b1", "b2"]
    assert ids(f"file://{catalogs}/b.csv", tmp_path) == ["b1", "b2"]
    assert ids(catalogs / "*.csv", tmp_path) == ["a1", "b1", "b2"]
    assert ids(catalogs / "*", tmp_path) == ["a1", "b1", "b2", "c1"]


def test_a_folder_of_shards_is_their_rows_and_any_other_its_pictures(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    write_parquet(shards / "1.parquet", b"x")
    write_tar(shards / "0.tar", "t0", "t1")
    write_csv(shards / "index.csv", "c")
    write_parquet(shards / "_thumbnails.parquet", b"not a catalog's")
    write_parquet(shards / ".hidden" / "2.parquet", b"nor this")
    assert ids(shards, tmp_path / "out") == ["t0", "t1", "1.parquet#0"]
    photos = tmp_path / "photos"
    (photos / "deep" / "er").mkdir(parents=True)
    write_parquet(photos / "deep" / "er" / "x.parquet", b"x")
    (photos / "a.jpg").touch()
    (photos / "deep" / "b.jpg").touch()
    assert ids(photos, tmp_path / "out") == ["a.jpg", "deep/b.jpg"]
    assert ids(photos / "**" / "*.jpg", tmp_path / "out") == ["a.jpg", "deep/b.jpg"]


def test_rows_without_ids_are_told_apart_by_their_file_s_path(tmp_path: Path) -> None:
    for language in ("de", "en"):
        write_parquet(tmp_path / "in" / language / "train.parquet", b"x", b"y")
    expected = [f"{name}/train.parquet#{row}" for name in ("de", "en") for row in (0, 1)]
    assert ids(tmp_path / "in", tmp_path) == expected
    assert ids(tmp_path / "in" / "*" / "*.parquet", tmp_path) == expected
    assert ids(tmp_path / "in" / "de" / "train.parquet", tmp_path)[0] == "train.parquet#0"


def test_folders_named_like_files_are_folders(tmp_path: Path) -> None:
    write_parquet(tmp_path / "in" / "catalog.parquet" / "part-0.parquet", b"x")
    (tmp_path / "in" / "catalog.parquet" / "_SUCCESS").touch()
    assert ids(tmp_path / "in" / "catalog.parquet", tmp_path) == ["part-0.parquet#0"]
    assert ids(tmp_path / "in", tmp_path) == ["catalog.parquet/part-0.parquet#0"]


def test_a_folder_whose_name_looks_like_a_glob(tmp_path: Path) -> None:
    folder = tmp_path / "2023 [holiday] *?"
    folder.mkdir()
    (folder / "a.jpg").touch()
    assert ids(folder, tmp_path / "out") == ["a.jpg"]
    write_csv(folder / "b.csv", "b1")
    assert ids(folder / "b.csv", tmp_path / "out") == ["b1"]
    (folder / "a.jpg").unlink()
    write_parquet(folder / "c.parquet", b"x")
    assert ids(folder, tmp_path / "out") == ["c.parquet#0"]


@pytest.mark.parametrize("shard", ["b.parquet", "meta/b.tar"])
def test_a_folder_of_pictures_and_catalog_files_is_refused(tmp_path: Path, shard: str) -> None:
    (tmp_path / "a.jpg").touch()
    path = tmp_path / shard
    path.parent.mkdir(exist_ok=True)
    write_parquet(path, b"x") if path.suffix == ".parquet" else write_tar(path, "t")
    assert f"holds pictures (a.jpg) and catalog files ({shard})" in error_of(tmp_path)
    assert ids(tmp_path / "*.jpg", tmp_path / "out") == ["a.jpg"]


def test_an_unreadable_first_file_does_not_hide_the_next(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    write_parquet(tmp_path / "b.parquet", b"x")
    check_catalog(str(tmp_path), ColumnNames())


def test_splits_count_on_over_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "ROWS_PER_SPLIT", 3)
    for number in range(100):
        write_csv(tmp_path / f"{number:03d}.csv", *(f"{number}-{row}" for row in range(number % 8)))
    splits = splits_of(tmp_path / "*.csv")
    assert len({split.split_id for split in splits}) == len(splits)
    assert [row.asset.asset_id for row in read_all(splits)] == [
        f"{number}-{row}" for number in range(100) for row in range(number % 8)
    ]


def test_a_limit_takes_so_many_rows_and_cuts_a_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "ROWS_PER_SPLIT", 3)
    write_csv(tmp_path / "a.csv", *(f"a{row}" for row in range(5)))
    write_csv(tmp_path / "b.csv", *(f"b{row}" for row in range(5)))
    whole = splits_of(tmp_path / "*.csv")
    every_row = [row.asset.asset_id for row in read_all(whole)]
    for limit in range(12):
        splits = splits_of(tmp_path / "*.csv", limit=limit)
        assert [row.asset.asset_id for row in read_all(splits)] == every_row[:limit]
    (cut,) = splits_of(tmp_path / "*.csv", limit=2)
    # What is staged for the whole split must not be taken for what a part of it is.
    assert cut.split_id != whole[0].split_id
    assert splits_of(tmp_path / "*.csv", limit=3) == whole[:1]


def test_ids_stay_until_the_file_changes(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", "a")
    first, again = splits_of(path), splits_of(path)
    assert first == again
    write_csv(path, "a", "b")
    assert splits_of(path)[0].split_id != first[0].split_id


def test_a_file_that_cannot_be_read_is_one_split_with_a_problem(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", "a1")
    (tmp_path / "b.parquet").write_bytes(b"no parquet")
    (tmp_path / "c.csv").symlink_to("nowhere.csv")
    (tmp_path / "d.csv.gz").write_bytes(b"no gzip")
    write_csv(tmp_path / "e.csv", "e1")
    splits = splits_of(tmp_path / "*")
    assert [split.row_count for split in splits] == [1] * 5
    assert [split.offset for split in splits] == [0, 1, 2, 3, 4]
    assert [bool(split.problem) for split in splits] == [False, True, True, True, False]
    assert splits[1].problem.startswith(f"{tmp_path}/b.parquet cannot be read as parquet: ")
    assert splits_of(tmp_path / "*", limit=2)[1].problem == splits[1].problem


def test_a_new_picture_leaves_other_splits_as_they_were(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(2500):
        (photos / f"{number:04d}.jpg").touch()
    before = splits_of(photos, out=str(tmp_path / "out"))
    (photos / "0000x.jpg").touch()
    after = splits_of(photos, out=str(tmp_path / "again"))
    assert before[0].split_id != after[0].split_id
    assert {split.split_id for split in before[1:]} <= {split.split_id for split in after}


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.jpg").touch()
    (tmp_path / "notes.txt").touch()
    assert error_of(tmp_path / "none.csv") == f"There is no {tmp_path}/none.csv."
    assert "holds no pictures and no Parquet or tar files." in error_of(tmp_path / "empty")
    assert "holds no pictures" in error_of(tmp_path / "*.csv")
    assert "is one picture. Name the folder" in error_of(tmp_path / "a.jpg")
    assert "is not a catalog: its name ends in none of" in error_of(tmp_path / "notes.txt")
    assert "cannot be read" in error_of(tmp_path / "nowhere" / "*.jpg")
    assert "cannot be read" in error_of(tmp_path / "notes.txt" / "x.csv")


def test_a_wrong_column_is_told_with_those_there_are(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", "a")
    assert "no column 'sku'" in error_of(path, ColumnNames(id="sku"))
    assert "It has: id, uri." in error_of(path, ColumnNames(id="sku"))
    broken = tmp_path / "b.parquet"
    broken.write_bytes(b"PAR1")
    assert f"{broken} cannot be read as parquet: " in error_of(broken)
    (tmp_path / "c.jsonl").write_text(json.dumps({"x": 1}))
    assert "The catalog has: x;" in error_of(tmp_path / "c.jsonl")


def test_good_catalogs_pass_the_check(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", "a")
    write_tar(tmp_path / "b.tar", "t")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "c.jpg").touch()
    for name in ("a.csv", "b.tar", "*.csv", "d/*.jpg", "d"):
        check_catalog(f"{tmp_path}/{name}", ColumnNames())


def test_a_bucket_s_catalogs_are_seen_anew_each_time(tmp_path: Path) -> None:
    with moto_s3() as server, at_server(server):
        filesystem, _ = open_filesystem(f"s3://{server.bucket}")
        filesystem.pipe_file(f"{server.bucket}/c/x/1.parquet", parquet_bytes(b"one"))
        folder = f"s3://{server.bucket}/c"
        (split,) = splits_of(folder)
        assert splits_of(f"{folder}/*/*.parquet") == [split]
        (row,) = read_all([split])
        assert (row.asset.asset_id, row.data) == ("x/1.parquet#0", b"one")
        # By another client, as a second machine would.
        other = type(filesystem)(skip_instance_cache=True)
        other.pipe_file(f"{server.bucket}/c/x/1.parquet", parquet_bytes(b"two", b"2"))
        other.pipe_file(f"{server.bucket}/c/x/2.parquet", parquet_bytes(b"three"))
        assert [row.data for row in read_all(splits_of(folder))] == [b"two", b"2", b"three"]
        assert error_of(f"{folder}/none.csv") == f"There is no {folder}/none.csv."
        assert "holds no pictures" in error_of(f"s3://{server.bucket}/nothing/*.jpg")
