"""Rows of committed tables by asset id, compared with a plain dict of what was written."""

import itertools
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import storage.lookup.places
from schemas.errors import CatalogError, WorkerError
from schemas.image_tokens import ImageTokens
from storage.lookup.arrays import NewFiles
from storage.lookup.neighbors import NeighborLists, find_neighbors
from storage.lookup.pictures import CodedPicture, CodedPictures
from storage.lookup.places import Places, PlacesWriter
from storage.store import open_store
from storage.store.local import LocalStore
from storage.tokens import find_tokens
from tests.servers.object_stores import at_server, moto_s3
from tests.storage.committed_rows import commit_rows, image_tokens, neighbors


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine's copies lie."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder / f"calumma-lookups-{os.getuid()}"


def copies(cache: Path) -> list[str]:
    return sorted(child.name for child in cache.iterdir() if child.is_dir())


def same_row(found: CodedPicture, row: ImageTokens) -> bool:
    names = [name for name in CodedPicture.__slots__ if name != "codes"]
    alike = all(getattr(found, name) == getattr(row, name) for name in names)
    return alike and found.codes.tolist() == row.codes.tolist()


# Texts with several bytes a letter and none; ids that are prefixes of others.
texts = st.text(max_size=4)
ids = st.sampled_from(["", "a", "ab", "b", "ü", "\x00", "写真"])
tokens = st.builds(
    image_tokens,
    ids,
    st.lists(st.integers(0, 70_000), max_size=5),
    st.integers(0, 2),
    text=texts,
    license=texts,
    source=texts,
    uri=texts,
    key=texts,
    tokenizer_hash=texts,
)
commits = st.lists(
    st.tuples(
        st.lists(
            tokens, min_size=1, max_size=8, unique_by=lambda row: (row.asset_id, row.crop_number)
        ),
        st.sampled_from([0, 256]),
    ),
    min_size=1,
    max_size=3,
)


@settings(deadline=None, max_examples=15)
@given(commits=commits, asked=st.lists(ids, max_size=6), rows_per_part=st.integers(1, 4))
def test_codes_are_those_of_a_dict(
    commits: list[tuple[list[ImageTokens], int]], asked: list[str], rows_per_part: int
) -> None:
    made: dict[tuple[str, int], dict[int, ImageTokens]] = {}
    newest: dict[str, int] = {}
    with (
        tempfile.TemporaryDirectory() as name,
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(tempfile, "tempdir", name)
        store = LocalStore(Path(name) / "out")
        for rows, resolution in commits:
            commit_rows(store, rows, config={"resolution": resolution}, rows_per_part=rows_per_part)
            for row in rows:
                made.setdefault((row.asset_id, resolution), {})[row.crop_number] = row
                newest[row.asset_id] = resolution
        pictures = CodedPictures(find_tokens(store.uri))
        found = pictures.find(asked)
    assert len(pictures) == len(newest)
    assert set(found) == set(asked) & set(newest)
    for asset_id, crops in found.items():
        # What was framed otherwise than the newest does not stand beside it.
        expected = made[asset_id, newest[asset_id]]
        assert [crop.crop_number for crop in crops] == sorted(expected)
        assert all(same_row(crop, expected[crop.crop_number]) for crop in crops)


entries = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2), st.integers(0, 2)), max_size=80)


@settings(deadline=None, max_examples=60)
@given(entries=entries, at_once=st.integers(1, 100))
def test_sorting_by_shares_finds_what_a_dict_does(
    entries: list[tuple[int, int, int]], at_once: int
) -> None:
    newest = {asset: made_with for asset, _, made_with in entries}
    expected: dict[int, dict[int, int]] = {asset: {} for asset in newest}
    for row, (asset, part, made_with) in enumerate(entries):
        if made_with == newest[asset]:
            expected[asset][part] = row
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patched:
        patched.setattr(storage.lookup.places, "_SORTED_AT_ONCE", at_once)
        patched.setattr(storage.lookup.places, "_PARTED_AT_ONCE", 7)
        with NewFiles(Path(name)) as files:
            writer = PlacesWriter(files)
            for asset, part, made_with in entries:
                writer.add([str(asset)], np.array([part], np.int32), made_with)
            writer.sort()
        left = sorted(file.name for file in Path(name).iterdir())
        assert left == ["ids", "places.offsets", "places.values"]
        places = Places(Path(name))
        asked = [*range(32), 3, 3]
        found = places.find([str(one) for one in asked])
    assert len(places) == len(expected)
    ranges = itertools.pairwise(found.starts.tolist())
    for asset, (start, end) in zip(asked, ranges, strict=True):
        of = expected.get(asset, {})
        assert found.rows[start:end].tolist() == [of[part] for part in sorted(of)]


class CountedMap(np.memmap):
    """A mapped file that counts the entries that are taken from it in slices."""

    taken = 0

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if isinstance(key, slice):
            CountedMap.taken += len(found)
        return found


def test_entries_are_gone_through_twice_however_many_shares_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [str(number) for number in range(2000)]
    fromfile, read = np.fromfile, list[int]()

    def counted(*args: Any, **options: Any) -> Any:
        found = fromfile(*args, **options)
        read.append(len(found))
        return found

    monkeypatch.setattr(storage.lookup.places, "_SORTED_AT_ONCE", 32)
    monkeypatch.setattr(np, "memmap", CountedMap)
    monkeypatch.setattr(np, "fromfile", counted)
    with NewFiles(tmp_path) as files:
        writer = PlacesWriter(files)
        writer.add(names, np.zeros(len(names), np.int32), 0)
        writer.sort()
    assert 0 < sum(read) + CountedMap.taken <= 2 * len(names)
    # What is sorted at once stays small, and nothing that was sorted is left.
    assert sorted(read)[-2] < 100
    assert len(list(tmp_path.iterdir())) == 3
    assert len(Places(tmp_path)) == len(names)


def test_codes_are_views_of_sixteen_bits_where_these_suffice(tmp_path: Path, cache: Path) -> None:
    for top, kind in ((65_535, np.uint16), (65_536, np.uint32)):
        store = LocalStore(tmp_path / f"out-{top}")
        # The large code comes late: what was written before it is written again.
        rows = [image_tokens(f"a{number}", [number, 7]) for number in range(4)]
        commit_rows(store, [*rows, image_tokens("last", [top])], rows_per_part=2)
        found = CodedPictures(find_tokens(store.uri)).find(["last", "a3", "none", "a0"])
        assert {name: crop.codes.tolist() for name, (crop,) in found.items()} == {
            "last": [top],
            "a3": [3, 7],
            "a0": [0, 7],
        }
        for (crop,) in found.values():
            assert crop.codes.dtype == kind
            assert not crop.codes.flags.owndata
            assert not crop.codes.flags.writeable
        (name,) = copies(cache)
        assert (cache / name / "codes.values").stat().st_size == 9 * kind().itemsize
        shutil.rmtree(cache / name)


def test_a_newer_model_takes_the_place_of_an_older_one(tmp_path: Path, cache: Path) -> None:
    store = LocalStore(tmp_path / "out")
    commit_rows(store, [image_tokens(name, [1], model="m") for name in "ab"], model="m")
    commit_rows(store, [image_tokens("a", [2], model="n")], model="n")
    runs = find_tokens(store.uri)
    found = CodedPictures(runs).find(["a", "b"])
    assert {name: (crop.model, crop.codes[0]) for name, (crop,) in found.items()} == {
        "a": ("n", 2),
        "b": ("m", 1),
    }
    (older,) = CodedPictures(runs.of("m", "r")).find(["a"])["a"]
    assert older.codes.tolist() == [1]
    (before,) = CodedPictures(find_tokens(store.uri, runs.commit - 1)).find(["a"])["a"]
    assert before.codes.tolist() == [1]
    # The commit before, and the older model's alone, are the same files.
    assert len(copies(cache)) == 2


def test_neighbours_are_found_by_what_was_searched_with(tmp_path: Path, cache: Path) -> None:
    store = LocalStore(tmp_path / "out")
    commit_rows(
        store, [neighbors("a", ["x"], "text"), neighbors("b", [], "text")], config={"of": "text"}
    )
    commit_rows(store, [neighbors("a", ["b", "ü"], "image")], config={"of": "image"})
    commit_rows(store, [neighbors("a", ["y", "z", ""], "text")], config={"of": "text"})
    lists = NeighborLists(find_neighbors(store.uri))
    found = lists.find(["b", "c", "a"])
    assert {
        name: [(one.query_modality, one.neighbor_ids, one.scores.tolist()) for one in some]
        for name, some in found.items()
    } == {
        "a": [
            ("image", ("b", "ü"), [1.0, 0.5]),
            ("text", ("y", "z", ""), np.linspace(1, 0, 4, dtype=np.float32)[:3].tolist()),
        ],
        "b": [("text", (), [])],
    }
    assert found["a"][1].scores.dtype == np.float32
    assert lists.find([]) == {}
    assert len(lists) == 2


def test_what_is_not_there_is_told(tmp_path: Path, cache: Path) -> None:
    out = str(tmp_path / "out")
    with pytest.raises(CatalogError, match="holds no codes of pictures"):
        find_tokens(out)
    with pytest.raises(CatalogError, match=r"holds no neighbours\. Make some: calumma neighbors"):
        find_neighbors(out)
    store = LocalStore(tmp_path / "out")
    commit_rows(store, [image_tokens(name, [1]) for name in "abc"], rows_per_part=1)
    with pytest.raises(CatalogError, match="holds no neighbours"):
        find_neighbors(out)
    runs = find_tokens(out)
    gone = tmp_path / "out" / runs.paths[1]
    content = gone.read_bytes()
    gone.unlink()
    with pytest.raises(CatalogError, match="is not whole: 1 files that were committed are gone"):
        find_tokens(out)
    # A worker that comes later knows what the run was begun with.
    with pytest.raises(CatalogError, match=f"is not whole: .* {runs.paths[1]} among them"):
        CodedPictures(runs)
    gone.write_bytes(content)
    pq.write_table(pq.read_table(gone).drop_columns(["source"]), gone)
    with pytest.raises(CatalogError, match=r"has no column source\. Make its rows again"):
        CodedPictures(runs)
    assert copies(cache) == []


def test_a_negative_code_is_not_taken_for_a_large_one(tmp_path: Path, cache: Path) -> None:
    store = LocalStore(tmp_path / "out")
    commit_rows(store, [image_tokens("a", [1, -1])])
    with pytest.raises(CatalogError, match="is -1: the file is damaged"):
        CodedPictures(find_tokens(store.uri))


def test_a_full_disk_is_told(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path / "out")
    commit_rows(store, [image_tokens("a", [1])])

    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PlacesWriter, "sort", fill)
    with pytest.raises(
        WorkerError, match=r"no room in .*\. Set TMPDIR to a folder on a larger disk"
    ):
        CodedPictures(find_tokens(store.uri))
    assert copies(cache) == []


def _open_at_once(out: str, folder: str, ready: Any) -> None:
    tempfile.tempdir = folder
    sort = PlacesWriter.sort

    def noted(writer: PlacesWriter) -> None:
        Path(folder, f"built-by-{os.getpid()}").touch()
        sort(writer)

    PlacesWriter.sort = noted  # type: ignore[assignment, method-assign]
    runs = find_tokens(out)
    ready.wait()
    found = CodedPictures(runs).find([str(number) for number in range(3000)])
    assert all(found[str(number)][0].codes.tolist() == [number] * 3 for number in range(3000))


def test_one_of_several_processes_builds(tmp_path: Path, cache: Path) -> None:
    store = LocalStore(tmp_path / "out")
    commit_rows(store, [image_tokens(str(number), [number] * 3) for number in range(3000)])
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(3)
    workers = [
        context.Process(target=_open_at_once, args=(store.uri, str(cache.parent), ready))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(list(cache.parent.glob("built-by-*"))) == 1
    assert len(copies(cache)) == 1


def test_what_a_killed_builder_left_is_not_used(tmp_path: Path, cache: Path) -> None:
    store = LocalStore(tmp_path / "out")
    commit_rows(store, [image_tokens("a", [1])])
    runs = find_tokens(store.uri)
    CodedPictures(runs)
    (name,) = copies(cache)
    # What is there in the middle of a build: another name, with some of the files.
    half = cache / f"{name}.abc.building"
    (cache / name).rename(half)
    (half / "lookup.json").unlink()
    (half / "codes.values").write_bytes(b"")
    assert CodedPictures(runs).find(["a"])["a"][0].codes.tolist() == [1]
    assert copies(cache) == [name]


def test_old_copies_are_forgotten_and_used_ones_stay(tmp_path: Path, cache: Path) -> None:
    outs = [LocalStore(tmp_path / name) for name in ("one", "two", "three")]
    for number, store in enumerate(outs):
        commit_rows(store, [image_tokens("a", [number])])
    one, two, three = (find_tokens(store.uri) for store in outs)
    held = CodedPictures(one)
    (first,) = copies(cache)
    CodedPictures(two)
    for copy in cache.iterdir():
        os.utime(copy, (0, 0))
    CodedPictures(two)  # used: it is young again
    CodedPictures(three)
    assert first not in copies(cache)
    assert len(copies(cache)) == 2
    # Who has a copy open keeps it, and who wants it again makes it again.
    assert held.find(["a"])["a"][0].codes.tolist() == [0]
    assert CodedPictures(one).find(["a"])["a"][0].codes.tolist() == [0]
    assert first in copies(cache)


def test_an_object_store_is_copied_once(cache: Path) -> None:
    def rows(names: Sequence[str]) -> list[ImageTokens]:
        return [image_tokens(name, [ord(name)]) for name in names]

    with moto_s3() as server, at_server(server):
        store = open_store(f"s3://{server.bucket}/out")
        commit_rows(store, rows("abcdefgh"), rows_per_part=1)
        runs = find_tokens(store.uri)
        assert len(CodedPictures(runs)) == 8
        for path in runs.paths:
            store.delete(path)
        found = CodedPictures(runs).find(["h", "a"])
    assert {name: crop.codes.tolist() for name, (crop,) in found.items()} == {"h": [104], "a": [97]}
    shutil.rmtree(cache)
