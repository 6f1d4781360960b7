"""Merged shards answer as one shard does that was built at once."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import UsageError
from storage.index.build import build_shard
from storage.index.errors import IndexDamagedError, IndexMismatchError
from storage.index.merge import merge_shards
from storage.index.search import search, search_rows
from storage.index.settings import SearchSettings
from storage.index.shard import INDEX, LISTS, OFFSETS, TEXT, VECTORS, StoredAs, verify_digests
from tests.storage.index.making import clustered, in_batches, names, opened, trained_on

MERGEABLE = [
    "Flat",
    "SQ8",
    "IVF32,Flat",
    "IVF32,SQ8",
    "IVF32,PQ16x4fsr",
    "IVF32,RaBitQ",
    "RR32,IVF32,SQ8",
]
VECTORS_THERE = clustered(6000, 32, seed=5)
QUERIES = clustered(200, 32, seed=6)


def build(
    trained: bytes, folder: Path, start: int, end: int, stored_as: StoredAs = "float32"
) -> Path:
    ids = names(6000)[start:end]
    build_shard(trained, in_batches(ids, VECTORS_THERE[start:end]), folder, stored_as=stored_as)
    return folder


@pytest.mark.parametrize("factory", MERGEABLE)
def test_merging_gives_what_building_at_once_gives(tmp_path: Path, factory: str) -> None:
    trained = trained_on(factory, VECTORS_THERE)
    build(trained, tmp_path / "whole", 0, 6000)
    cuts = [(0, 1000), (1000, 1000), (1000, 4500), (4500, 6000)]
    parts = [build(trained, tmp_path / f"{a}-{b}", a, b) for a, b in cuts]
    # Twice, so that merged shards are merged too.
    first = tmp_path / "first"
    merge_shards(trained, parts[:3], first)
    record = merge_shards(trained, [first, parts[3]], tmp_path / "merged")
    assert record.count == 6000
    for name in (VECTORS, OFFSETS, TEXT):
        assert (tmp_path / "merged" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    # A merged shard needs none of its sources, and may be moved.
    for source in [first, *parts]:
        shutil.rmtree(source)
    (tmp_path / "merged").rename(tmp_path / "moved")
    verify_digests(tmp_path / "moved")
    merged, whole = opened(tmp_path, ["moved"], 32), opened(tmp_path, ["whole"], 32)
    for settings in (SearchSettings(nprobe=4, factor=4), SearchSettings(nprobe=32)):
        found, expected = (search_rows(index, QUERIES, 10, settings) for index in (merged, whole))
        assert np.array_equal(found[1], expected[1])
        assert np.array_equal(found[0], expected[0])
    assert search(merged, QUERIES[:3], 2, settings) == search(whole, QUERIES[:3], 2, settings)


def test_merging_twice_gives_the_same_files(tmp_path: Path) -> None:
    trained = trained_on("IVF32,SQ8", VECTORS_THERE)
    parts = [build(trained, tmp_path / str(a), a, a + 3000) for a in (0, 3000)]
    one = merge_shards(trained, parts, tmp_path / "one")
    assert one == merge_shards(trained, parts, tmp_path / "a longer name")
    assert LISTS in one.files
    assert one.files[INDEX].size < one.files[LISTS].size


def test_empty_shards_merge_to_an_empty_one(tmp_path: Path) -> None:
    trained = trained_on("IVF32,SQ8", VECTORS_THERE)
    parts = [build(trained, tmp_path / name, 0, 0) for name in "ab"]
    assert merge_shards(trained, parts, tmp_path / "merged").count == 0
    index = opened(tmp_path, ["merged"], 32)
    assert search(index, QUERIES[:2], 3, SearchSettings()) == [[], []]


def test_what_cannot_be_merged_is_refused(tmp_path: Path) -> None:
    trained = trained_on("IVF32,SQ8", VECTORS_THERE)
    other = trained_on("IVF32,SQ8", VECTORS_THERE[::-1].copy())
    part = build(trained, tmp_path / "part", 0, 100)
    with pytest.raises(UsageError, match="no shard to merge"):
        merge_shards(trained, [], tmp_path / "merged")
    with pytest.raises(IndexMismatchError, match="another trained index"):
        merge_shards(other, [part], tmp_path / "merged")
    half = build(trained, tmp_path / "half", 0, 100, "float16")
    with pytest.raises(IndexMismatchError, match=r"stores float16 vectors, and .* float32"):
        merge_shards(trained, [part, half], tmp_path / "merged")
    graph = trained_on("HNSW8", VECTORS_THERE)
    with pytest.raises(UsageError, match="HNSW shards cannot be merged"):
        merge_shards(graph, [build(graph, tmp_path / "graph", 0, 100)], tmp_path / "merged")
    with (part / VECTORS).open("r+b") as file:
        file.truncate(100)
    with pytest.raises(IndexDamagedError, match="has 100 bytes and should have 12,800"):
        merge_shards(trained, [part], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
