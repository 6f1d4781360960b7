"""Which rows are known: the keys of commits, merged now and then, whoever dies meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.crashing import Crash, CrashingStore
from storage.digests import sorted_digests
from storage.keys import row_keys
from storage.known import load_known_keys, merge_key_files
from storage.layout import KEYS, keys_path
from storage.store import Entry, Store
from storage.store.local import LocalStore
from tests.storage.rows import FINGERPRINT


def put_keys(store: Store, first: int, last: int, kind: str, ids: list[str]) -> None:
    keys = row_keys(ids, None, FINGERPRINT)
    content = sorted_digests(keys.identity[:, 0], keys.second).serialize()
    store.put(keys_path(first, last, kind, content), content)


def commits(store: Store, numbers: range, kind: str = "done") -> None:
    """The keys of commits that each did the row of their number and one that all did."""
    for number in numbers:
        put_keys(store, number, number, kind, [f"row{number}", "common"])


def known_ids(store: Store, ids: list[str], *, after: int = 0, upto: int = 99) -> list[str]:
    keys = row_keys(ids, None, FINGERPRINT)
    done = load_known_keys(store, after=after, upto=upto).done
    return [ids[i] for i in np.flatnonzero(done.contains(keys.identity[:, 0], keys.second))]


def rows(numbers: range) -> list[str]:
    return [f"row{number}" for number in numbers]


def files(folder: Path, kind: str = "done") -> list[str]:
    return sorted(path.name[:17] for path in (folder / KEYS).glob(f"*.{kind}"))


def test_what_a_run_has_to_do(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    ids = ["new", "done", "failed", "retry", "failed then done", "retry then failed"]
    put_keys(store, 1, 1, "failed", ["failed", "failed then done"])
    put_keys(store, 1, 1, "retry", ["retry", "retry then failed"])
    put_keys(store, 2, 2, "done", ["done", "failed then done"])
    put_keys(store, 2, 2, "failed", ["retry then failed"])
    keys = row_keys(ids, None, FINGERPRINT)

    def to_do(*, only_failed: bool) -> list[str]:
        known = load_known_keys(store, upto=2)
        flags = known.to_do(keys.identity[:, 0], keys.second, only_failed=only_failed)
        return [ids[index] for index in np.flatnonzero(flags)]

    assert to_do(only_failed=False) == ["new", "retry"]
    assert to_do(only_failed=True) == ["failed", "retry", "retry then failed"]


def test_an_output_without_commits_knows_nothing(tmp_path: Path) -> None:
    assert known_ids(LocalStore(tmp_path), ["a"]) == []


def test_another_version_of_a_known_row_is_unknown(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    put_keys(store, 1, 1, "done", ["a"])
    keys = row_keys(["a", "a"], ["", "2"], FINGERPRINT)
    known = load_known_keys(store, upto=1)
    assert known.to_do(keys.identity[:, 0], keys.second, only_failed=False).tolist() == [
        False,
        True,
    ]


def test_only_the_commits_asked_for_are_loaded(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    commits(store, range(1, 6))
    asked = rows(range(1, 6))
    assert known_ids(store, asked, after=2, upto=4) == ["row3", "row4"]
    assert known_ids(store, asked, upto=2) == ["row1", "row2"]
    assert known_ids(store, asked, after=5, upto=9) == []


def test_eight_files_of_a_kind_stay_and_nine_become_one(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    commits(store, range(1, 9))
    commits(store, range(1, 4), "failed")
    merge_key_files(store)
    assert len(files(tmp_path)) == 8
    commits(store, range(9, 10))
    merge_key_files(store)
    assert files(tmp_path) == ["00000001-00000009"]
    assert len(files(tmp_path, "failed")) == 3
    assert known_ids(store, [*rows(range(12)), "common"]) == [*rows(range(1, 10)), "common"]


def test_merging_goes_on_over_the_years(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for number in range(1, 60):
        commits(store, range(number, number + 1))
        merge_key_files(store)
        assert len(files(tmp_path)) <= 8
    assert known_ids(store, rows(range(70))) == rows(range(1, 60))


def test_a_crash_at_any_operation_of_a_merge_loses_no_key_and_leaves_no_file(
    tmp_path: Path,
) -> None:
    def prepared(name: str) -> LocalStore:
        store = LocalStore(tmp_path / name)
        commits(store, range(1, 11))
        return store

    counting = CrashingStore(prepared("whole"), 0, after=False)
    merge_key_files(counting)
    assert counting.operations > 20
    for at in range(1, counting.operations + 1):
        store = prepared(str(at))
        with pytest.raises(Crash):
            merge_key_files(CrashingStore(store, at, after=False))
        assert known_ids(store, rows(range(12))) == rows(range(1, 11))
        commits(store, range(11, 20))
        merge_key_files(store)
        assert known_ids(store, rows(range(21))) == rows(range(1, 20))
        assert files(tmp_path / str(at)) == ["00000001-00000019"]


@settings(deadline=None, max_examples=50)
@given(
    spans=st.lists(
        st.tuples(st.integers(1, 20), st.integers(0, 9)).map(lambda s: (s[0], s[0] + s[1])),
        max_size=25,
    )
)
def test_files_that_overlap_hold_what_they_hold_together(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int]]
) -> None:
    """Two that merged at once leave files that overlap, each with all keys of its commits."""
    store = LocalStore(tmp_path_factory.mktemp("out"))
    for first, last in spans:
        put_keys(store, first, last, "done", rows(range(first, last + 1)))
    held = {number for first, last in spans for number in range(first, last + 1)}
    asked = rows(range(1, 30))
    assert known_ids(store, asked) == [f"row{number}" for number in sorted(held)]
    merge_key_files(store)
    assert known_ids(store, asked) == [f"row{number}" for number in sorted(held)]
    for upto in (5, 15):
        assert {f"row{number}" for number in held if number <= upto} <= set(
            known_ids(store, asked, upto=upto)
        )


def test_a_file_merged_away_while_it_is_loaded_is_read_in_the_merged_one(tmp_path: Path) -> None:
    class Merging(LocalStore):
        """Merges when it has listed the files for the first time."""

        merged = False

        def entries(self, prefix: str) -> Iterator[Entry]:
            found = list(super().entries(prefix))
            if not self.merged:
                self.merged = True
                merge_key_files(LocalStore(tmp_path))
            return iter(found)

    commits(LocalStore(tmp_path), range(1, 12))
    store = Merging(tmp_path)
    assert known_ids(store, rows(range(20))) == rows(range(1, 12))
    assert store.merged


def test_other_files_beside_the_keys_are_left_alone(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put(f"{KEYS}/notes.txt", b"mine")
    commits(store, range(1, 10))
    merge_key_files(store)
    assert store.get(f"{KEYS}/notes.txt") == b"mine"
    assert known_ids(store, ["row1"]) == ["row1"]
