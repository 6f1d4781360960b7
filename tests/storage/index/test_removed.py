"""Removed rows: never found again, also once shards are merged."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.index.build import build_shard
from storage.index.errors import IndexDamagedError, IndexMismatchError
from storage.index.exact import exact_search
from storage.index.removed import Removed, read_removed, write_removed
from storage.index.search import search, search_rows
from storage.index.settings import SearchSettings
from tests.storage.index.making import (
    EVERYTHING,
    an_index,
    brute_force,
    clustered,
    names,
    opened,
    overlap,
    trained_on,
)

VECTORS_THERE = clustered(3000, 32, seed=5)
QUERIES = clustered(100, 32, seed=6)
FACTORIES = [
    "Flat", "IVF16,Flat", "IVF16,SQ8", "IVF16,PQ16x4fsr", "IVF16,RaBitQ", "HNSW16",
    "RR32,IVF16,SQ8",
]  # fmt: skip


@pytest.mark.parametrize("factory", FACTORIES)
def test_what_is_removed_is_never_found(tmp_path: Path, factory: str) -> None:
    index = an_index(tmp_path, factory, VECTORS_THERE, cuts=[1000])
    # The best three of every query, and so no few of one cluster.
    gone = np.unique(brute_force(VECTORS_THERE, QUERIES, 3).rows)
    found = index.find([f"picture-{row}" for row in gone])
    assert found["shard-0"].tolist() == gone[gone < 1000].tolist()
    assert found["shard-1"].tolist() == (gone[gone >= 1000] - 1000).tolist()
    removed = Removed().also(found)
    assert len(removed) == len(gone)
    index = opened(tmp_path, [shard.name for shard in index.shards], 32, removed=removed)
    assert len(index) == 3000 - len(gone)
    left = np.setdiff1d(np.arange(3000), gone)
    truth = left[brute_force(VECTORS_THERE[left], QUERIES, 10).rows]
    for settings in (SearchSettings(nprobe=2), SearchSettings(nprobe=16, ef_search=200, factor=64)):
        rows = search_rows(index, QUERIES, 10, settings)[1]
        assert not np.isin(rows, gone).any()
    assert overlap(rows, truth) > 0.97
    exact = exact_search(index, QUERIES, 10)[1]
    assert overlap(exact, truth) == 1.0
    everything = search_rows(index, QUERIES, 3000, EVERYTHING)[1]
    assert not np.isin(everything, gone).any()
    assert index.find([f"picture-{row}" for row in gone]) == {}


@pytest.mark.parametrize("factory", ["Flat", "IVF16,SQ8", "IVF16,PQ16x4fsr", "HNSW16"])
def test_all_can_be_removed(tmp_path: Path, factory: str) -> None:
    index = an_index(tmp_path, factory, VECTORS_THERE[:200])
    removed = Removed().also(index.find(names(200)))
    index = opened(tmp_path, ["shard-0"], 32, removed=removed)
    assert len(index) == 0
    assert search(index, QUERIES[:2], 5, EVERYTHING) == [[], []]


def test_an_id_that_is_added_again_is_found_where_it_is_new(tmp_path: Path) -> None:
    trained = trained_on("Flat", VECTORS_THERE)
    build_shard(trained, [(names(10), VECTORS_THERE[:10])], tmp_path / "old")
    removed = Removed().also(opened(tmp_path, ["old"], 32).find(["picture-3", "unknown"]))
    build_shard(trained, [(["picture-3"], VECTORS_THERE[50:51])], tmp_path / "new")
    index = opened(tmp_path, ["old", "new"], 32, removed=removed)
    assert {name: rows.tolist() for name, rows in index.find(["picture-3"]).items()} == {"new": [0]}
    for query, row in ((50, 10), (3, None)):
        (hits,) = search(index, VECTORS_THERE[query : query + 1], 11, SearchSettings())
        assert [hit.row for hit in hits if hit.id == "picture-3"] == [10]
        assert row is None or hits[0].row == row
        assert len(hits) == 10


rows_by_shard = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.integers(0, 20)).map(lambda rows: np.array(rows, np.int64))
)


@given(first=rows_by_shard, second=rows_by_shard)
def test_removals_add_up_and_survive_their_file(
    tmp_path_factory: pytest.TempPathFactory,
    first: dict[str, np.ndarray],
    second: dict[str, np.ndarray],
) -> None:
    removed = Removed().also(first).also(second)
    expected = {(name, int(row)) for rows in (first, second) for name in rows for row in rows[name]}
    path = tmp_path_factory.mktemp("removed") / "removed.json"
    write_removed(path, removed)
    for one in (removed, read_removed(path)):
        assert [(name, row) for name in sorted(one.rows) for row in one.rows[name].tolist()] == (
            sorted(expected)
        )
        assert len(one) == len(expected)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", IndexDamagedError),
        ('{"format_version": 1}', IndexDamagedError),
        ('{"format_version": 1, "rows": [1]}', IndexDamagedError),
        ('{"format_version": 1, "rows": {"a": ["x"]}}', IndexDamagedError),
        ('{"format_version": 3, "rows": {}}', IndexMismatchError),
    ],
)
def test_a_file_of_something_else_is_refused(
    tmp_path: Path, content: str, error: type[Exception]
) -> None:
    (tmp_path / "removed.json").write_text(content)
    with pytest.raises(error, match=r"removed\.json"):
        read_removed(tmp_path / "removed.json")
