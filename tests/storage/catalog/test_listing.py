"""Folders and globs of pictures: every picture once, and a new one changes one split."""

import inspect
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.catalog import listing
from storage.catalog.listing import (
    ListedPicture,
    is_picture,
    list_folder,
    list_glob,
    stage_listing,
)
from storage.catalog.split import Split
from storage.filesystems import open_filesystem
from storage.store.local import LocalStore
from tests.servers.object_stores import at_server, moto_s3
from tests.storage.catalog.conftest import problem_of, read_all


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


def names_in(folder: Path | str) -> list[str]:
    return [picture.name for picture in list_folder(str(folder))]


def names_like(pattern: Path | str) -> list[str]:
    return [picture.name for picture in list_glob(str(pattern))]


def listed(names: list[str]) -> Iterator[ListedPicture]:
    return (ListedPicture(name=name, uri=f"/{name}", version="1") for name in sorted(names))


def staged(names: list[str], out: Path, limit: int | None = None) -> list[Split]:
    return list(stage_listing(listed(names), LocalStore(out), "listing", limit))


def test_pictures_are_told_by_their_names() -> None:
    assert all(map(is_picture, ["a.jpg", "A.JPEG", "x/y.b.PnG", "broken.svg"]))
    assert not any(map(is_picture, ["a.txt", "jpg", ".jpg", "a.jpg.part", "a.jpg~", ""]))


def test_a_folder_is_walked_to_its_depths(tmp_path: Path) -> None:
    names = [
        "b.jpg",
        "a/2.png",
        "a/10.png",
        "a/b/c/é.webp",
        "a.jpg",
        "日本/写真.jpg",
        "a/x y#?.gif",
    ]
    touch(tmp_path, *names, "notes.txt", "a/.jpg")
    assert sorted(names_in(tmp_path)) == sorted(names)
    assert names_in(f"{tmp_path}/") == names_in(tmp_path) == names_in(tmp_path)
    for picture in list_folder(str(tmp_path)):
        assert Path(picture.uri).read_bytes().decode() == picture.name
        assert picture.version.startswith(f"{len(picture.name.encode())}-")


def test_a_folder_with_a_scheme_is_walked_alike(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b/c.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    plain = list(list_folder(str(tmp_path)))
    for with_scheme in (
        list_folder(f"file://{tmp_path}"),
        list_glob(f"file://{tmp_path}/**/*.jpg"),
    ):
        assert [
            (picture.name, picture.uri.removeprefix("file://"), picture.version)
            for picture in with_scheme
        ] == [(picture.name, picture.uri, picture.version) for picture in plain]


def test_a_picture_that_changes_has_another_version(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    (before,) = list_folder(str(tmp_path))
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    (after,) = list_folder(str(tmp_path))
    assert before.version != after.version


def test_links_in_a_circle_are_walked_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b/c.jpg")
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "here").symlink_to(".")
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "beside").symlink_to("b")
    expected = ["a.jpg", "b/c.jpg", "beside/c.jpg", "self.jpg"]
    assert names_in(tmp_path) == expected
    assert names_like(tmp_path / "**" / "*.jpg") == expected


def test_a_dangling_link_is_a_row_and_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    assert names_in(tmp_path) == names_like(tmp_path / "*.jpg") == ["gone.jpg"]


def test_a_folder_that_may_not_be_read_is_told_and_not_left_out(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    touch(tmp_path, "a.jpg", "b/c.jpg")
    (tmp_path / "b").chmod(0)
    with pytest.raises(PermissionError):
        names_in(tmp_path)
    (tmp_path / "b").chmod(0o700)


def test_a_tree_deeper_than_the_stack(tmp_path: Path) -> None:
    name = "d/" * 100 + "a.jpg"
    touch(tmp_path, name)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 50)
    try:
        assert names_in(tmp_path) == [name]
    finally:
        sys.setrecursionlimit(limit)


def test_names_that_are_no_text_can_be_written(tmp_path: Path) -> None:
    touch(tmp_path, "caf\udce9.jpg")
    store = LocalStore(tmp_path / "out")
    splits = list(stage_listing(list_folder(str(tmp_path)), store, "listing", None))
    (row,) = read_all(splits)
    assert (row.asset.asset_id, problem_of(row)) == ("caf\\udce9.jpg", "")


@pytest.mark.parametrize(
    "pattern",
    [
        "*.jpg",
        "**/*.jpg",
        "*/*",
        "a*/**",
        "**",
        "?.jpg",
        "a/[bc].jpg",
        "*/b/*.jpg",
        "**/b/**/*.png",
    ],
)
def test_a_glob_finds_what_fsspec_s_finds(tmp_path: Path, pattern: str) -> None:
    touch(tmp_path, "a.jpg", ".h.jpg", "a/b.jpg", "a/c.jpg", "a/b/c.jpg", "x/b/y/z.png", "a1/d.gif")
    touch(tmp_path, "notes.txt", "a/notes.txt")
    fixed = tmp_path / "a" if pattern.startswith("a/") else tmp_path
    found = fsspec.filesystem("file").glob(f"{tmp_path}/{pattern}")
    expected = sorted(name for name in found if is_picture(name) and Path(name).is_file())
    assert expected
    pictures = list(list_glob(f"{tmp_path}/{pattern}"))
    assert sorted(picture.uri for picture in pictures) == expected
    assert all(f"{fixed}/{picture.name}" == picture.uri for picture in pictures)


def test_a_relative_glob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.jpg", "p/b.jpg")
    monkeypatch.chdir(tmp_path)
    assert [(p.name, p.uri) for p in list_glob("*.jpg")] == [("a.jpg", "a.jpg")]
    assert [(p.name, p.uri) for p in list_glob("p/*.jpg")] == [("b.jpg", "p/b.jpg")]


names_of_pictures = st.lists(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), unique=True, max_size=60
)


@settings(deadline=None)
@given(names=names_of_pictures, splits_per_file=st.integers(1, 3), limit=st.integers(0, 70))
def test_a_staged_listing_is_the_listing(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], splits_per_file: int, limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "_SPLITS_PER_FILE", splits_per_file)
        patch.setattr(listing, "_SHORTEST", 2)
        patch.setattr(listing, "_LONGEST", 6)
        patch.setattr(listing, "_CUT_ONE_IN", 3)
        out = tmp_path_factory.mktemp("out")
        splits = staged(names, out, limit)
    assert all(2 <= split.row_count <= 6 for split in splits[:-1])
    rows = read_all(splits)
    assert [row.asset.asset_id for row in rows] == sorted(names)[:limit]
    assert [row.asset.uri for row in rows] == [f"/{name}" for name in sorted(names)[:limit]]
    assert {row.asset.content_version for row in rows} <= {"1"}
    files = sorted((out / "listing").glob("*")) if names and limit else []
    # One file is opened by a reader that knows nothing of us.
    assert sum(pq.ParquetFile(file).metadata.num_rows for file in files) == len(rows)


def test_adding_or_removing_a_picture_changes_one_split(tmp_path: Path) -> None:
    names = [f"{number:05d}.jpg" for number in range(20_000)]
    before = {split.split_id for split in staged(names, tmp_path)}
    assert 10 <= len(before) <= 40
    generator = random.Random(3)
    for number in generator.sample(range(20_000), 5):
        added = {split.split_id for split in staged([*names, f"{number:05d}x.jpg"], tmp_path)}
        # The new picture may bring a cut with it or move the next one, no further.
        assert len(before - added) <= 2
        removed = {
            split.split_id for split in staged(names[:number] + names[number + 1 :], tmp_path)
        }
        assert len(before - removed) <= 3


def test_a_version_changes_its_split_s_id_only(tmp_path: Path) -> None:
    pictures = list(listed([f"{number:05d}.jpg" for number in range(3000)]))
    store = LocalStore(tmp_path)
    before = [split.split_id for split in stage_listing(iter(pictures), store, "a", None)]
    pictures[0] = ListedPicture(name=pictures[0].name, uri=pictures[0].uri, version="2")
    after = [split.split_id for split in stage_listing(iter(pictures), store, "b", None)]
    assert before[0] != after[0]
    assert before[1:] == after[1:]


def test_a_bucket_is_listed_with_its_etags_and_anew_each_time() -> None:
    with moto_s3() as server, at_server(server):
        filesystem, _ = open_filesystem(f"s3://{server.bucket}")
        for name in ("p/a.jpg", "p/b/c.png", "p/notes.txt", "other/d.jpg"):
            filesystem.pipe_file(f"{server.bucket}/{name}", name.encode())
        for base in (f"s3://{server.bucket}/p", f"s3://{server.bucket}/p/"):
            first, second = list_folder(base)
            assert (first.name, second.name) == ("a.jpg", "b/c.png")
            assert second.uri == f"s3://{server.bucket}/p/b/c.png"
            assert first.version != second.version
        # Ten million names are not to be kept.
        assert not filesystem.dircache
        assert names_like(f"s3://{server.bucket}/p/**/*.png") == ["b/c.png"]
        filesystem.pipe_file(f"{server.bucket}/p/b/e.jpg", b"new")
        assert names_in(f"s3://{server.bucket}/p") == ["a.jpg", "b/c.png", "b/e.jpg"]


def test_a_bucket_s_folder_that_cannot_be_listed_ends_the_listing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filesystem = fsspec.filesystem("memory", skip_instance_cache=True)
    monkeypatch.setattr(filesystem, "store", {})
    monkeypatch.setattr(filesystem, "pseudo_dirs", [""])
    for name in ("/p/a.jpg", "/p/b/c.jpg"):
        filesystem.pipe_file(name, b"x")
    monkeypatch.setattr(listing, "open_filesystem", lambda _: (filesystem, "/p"))
    assert names_in("memory://p") == ["a.jpg", "b/c.jpg"]
    plain = filesystem.ls

    def refusing(path: str, **options: object) -> object:
        if path.endswith("b"):
            raise PermissionError(path)
        return plain(path, **options)

    monkeypatch.setattr(filesystem, "ls", refusing)
    with pytest.raises(PermissionError):
        names_in("memory://p")
