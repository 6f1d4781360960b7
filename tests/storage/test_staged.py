"""How far a run is: each row once, however often attempts and looks overlap."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.manifest import Counts
from storage.layout import split_folder, splits_folder
from storage.parts import Part, stage_part
from storage.staged import StagedWork, forget_plan, stage_plan
from storage.store.local import LocalStore
from tests.storage.rows import a_split


def a_part(first: int, last: int, attempt: str = "a", split_id: str = "s") -> Part:
    """A part whose every third row failed."""
    failed = len([row for row in range(first, last) if row % 3 == 0])
    rows = last - first
    return Part(
        split_id=split_id,
        first=first,
        last=last,
        attempt=attempt,
        counts=Counts(rows_in=rows, rows_out=rows - failed, failed=failed),
        failures_by_kind={"timeout": failed} if failed else {},
        unusual_pictures=rows,
    )


PLAN = (a_split("s", 30), a_split("t", 10))


class CountingStore(LocalStore):
    reads = 0

    def get(self, path: str) -> bytes:
        self.reads += 1
        return super().get(path)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path)


@pytest.fixture
def work(store: CountingStore) -> StagedWork:
    """Of a run whose plan is there."""
    stage_plan(store, "run", PLAN)
    return StagedWork(store, "run")


def test_nothing_counts_before_the_plan_is_there(store: CountingStore) -> None:
    stage_plan(store, "run", (a_split("old", 50),))
    stage_part(store, "run", a_part(0, 50, split_id="old"))
    stage_part(store, "run", a_part(0, 6))
    forget_plan(store, "run")
    work = StagedWork(store, "run")
    work.look()
    assert (work.planned, work.passed, work.counts) == (None, 0, Counts())
    assert work.failures_by_kind == Counter()
    # What an earlier session staged of a catalog that was another then is no part of this one.
    stage_plan(store, "run", PLAN)
    work.look()
    assert (work.planned, work.passed) == (40, 6)


def test_what_is_staged_is_added_up_over_splits(store: CountingStore, work: StagedWork) -> None:
    for part in (a_part(0, 6), a_part(6, 9), a_part(0, 3, split_id="t")):
        stage_part(store, "run", part)
    stage_part(store, "other", a_part(0, 30))
    work.look()
    assert (work.planned, work.passed, work.unusual_pictures) == (40, 12, 12)
    assert work.counts == Counts(rows_in=12, rows_out=8, failed=4)
    assert work.failures_by_kind == {"timeout": 4}


def test_attempts_that_overlap_count_once(store: CountingStore, work: StagedWork) -> None:
    for part in (a_part(0, 6, "a"), a_part(0, 4, "b"), a_part(4, 8, "b"), a_part(6, 7, "a")):
        stage_part(store, "run", part)
        work.look()
        assert work.counts.rows_in == work.passed
    assert work.passed == 8
    assert work.counts == Counts(rows_in=8, rows_out=5, failed=3)


def test_a_part_behind_a_gap_counts_when_the_gap_is_closed(
    store: CountingStore, work: StagedWork
) -> None:
    stage_part(store, "run", a_part(4, 9))
    work.look()
    assert work.passed == 0
    stage_part(store, "run", a_part(0, 4))
    work.look()
    assert work.passed == 9


def test_what_a_commit_has_moved_away_stays_counted(store: CountingStore, work: StagedWork) -> None:
    for part in (a_part(0, 6), a_part(0, 3, split_id="t")):
        stage_part(store, "run", part)
    work.look()
    store.delete(f"{split_folder('run', 's')}/{a_part(0, 6).name}.json")
    stage_part(store, "run", a_part(3, 5, split_id="t"))
    work.look()
    assert work.passed == 11


def test_a_record_that_goes_between_the_listing_and_the_reading_is_left_out(
    tmp_path: Path,
) -> None:
    class MovingStore(LocalStore):
        def get(self, path: str) -> bytes:
            if path.startswith(splits_folder("run")) and "/s/" in path:
                self.delete(path)
            return super().get(path)

    store = MovingStore(tmp_path)
    stage_plan(store, "run", PLAN)
    for part in (a_part(0, 6), a_part(0, 3, split_id="t")):
        stage_part(store, "run", part)
    work = StagedWork(store, "run")
    work.look()
    assert work.passed == 3


def test_files_that_are_no_records_are_not_read(store: CountingStore, work: StagedWork) -> None:
    stage_part(store, "run", a_part(0, 2))
    store.put(f"{split_folder('run', 's')}/00000000-00000002-a.rows.parquet", b"no record")
    work.look()
    assert work.passed == 2


def test_each_look_reads_only_what_is_new(store: CountingStore, work: StagedWork) -> None:
    for number in range(10):
        stage_part(store, "run", a_part(number, number + 1))
    work.look()
    before = store.reads
    work.look()
    assert store.reads == before
    stage_part(store, "run", a_part(10, 11))
    work.look()
    assert store.reads == before + 1


pieces = st.lists(
    st.tuples(st.sampled_from("st"), st.integers(0, 9), st.integers(1, 5), st.sampled_from("ab")),
    max_size=25,
)


@settings(deadline=None, max_examples=60)
@given(pieces=pieces, looks=st.sets(st.integers(0, 25)))
def test_however_parts_come_in_the_rows_from_the_splits_beginning_count_once(
    tmp_path_factory: pytest.TempPathFactory,
    pieces: list[tuple[str, int, int, str]],
    looks: set[int],
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("out"))
    stage_plan(store, "run", PLAN)
    work = StagedWork(store, "run")
    reached = {"s": {0}, "t": {0}}
    edges = []
    for number, (split_id, first, rows, attempt) in enumerate(pieces):
        stage_part(store, "run", a_part(first, first + rows, attempt, split_id))
        edges.append((split_id, first, first + rows))
        if number in looks:
            work.look()
    work.look()
    # By a way of its own: which rows can be reached from row 0 by whole parts.
    for _ in edges:
        for split_id, first, last in edges:
            if first in reached[split_id]:
                reached[split_id].add(last)
    assert work.passed == max(reached["s"]) + max(reached["t"])
    assert work.counts.rows_in == work.passed
    assert work.counts.balanced
