"""The commit protocol under crashes and races: every operation of a run, in turn."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.crashing import Catalog, Crash, CrashingStore, published, run_job
from schemas.errors import CountMismatchError
from schemas.manifest import Counts
from storage.commit import commit_run
from storage.commit_record import last_commit
from storage.parts import Part, SplitRecord, choose_cover
from storage.runs import find_unfinished
from storage.store.local import LocalStore

EARLIER: Catalog = [["a", "b"]]
CATALOG: Catalog = [["a", "b", "c", "d", "bad1"], ["e", "c", "f", "bad1"]]
EXPECTED = {"captions": list("abcdef"), "failures": ["bad1", "bad1", "c"]}
COUNTS = Counts(rows_in=9, rows_out=4, failed=3, skipped=2)


@pytest.fixture(autouse=True, scope="module")
def no_power_cut() -> Iterator[None]:
    """Nothing here cuts the power: thousands of files need not wait for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


def prepared(folder: Path) -> LocalStore:
    store = LocalStore(folder)
    run_job(store, EARLIER, "earlier")
    return store


def operations_of_a_run(folder: Path) -> int:
    counting = CrashingStore(prepared(folder), 0, after=False)
    manifest = run_job(counting, CATALOG, "x", clock=1.0)
    assert manifest.counts == COUNTS
    assert published(folder) == EXPECTED
    return counting.operations


def assert_nothing_twice(folder: Path) -> None:
    found = published(folder)["captions"]
    assert len(found) == len(set(found))


def test_a_crash_at_any_operation_is_finished_by_a_rerun(tmp_path: Path) -> None:
    total = operations_of_a_run(tmp_path / "undisturbed")
    assert total > 40
    for at in range(1, total + 1):
        for after in (False, True):
            folder = tmp_path / f"{at}-{after}"
            store = prepared(folder)
            with pytest.raises(Crash):
                run_job(CrashingStore(store, at, after=after), CATALOG, "first", clock=1.0)
            assert_nothing_twice(folder)
            committed = last_commit(store)
            manifest = run_job(store, CATALOG, "second", clock=2.0)
            assert published(folder) == EXPECTED, (at, after)
            if committed is not None and committed.number == 2:
                # The crash came after the commit: the rerun rolled it forward and found no news.
                assert manifest.counts == Counts(rows_in=9, skipped=9)
            else:
                assert manifest.counts == COUNTS
            again = run_job(store, CATALOG, "third", clock=3.0)
            assert again.counts == Counts(rows_in=9, skipped=9)
            assert not list((folder / "_staging").glob("*/*"))


def test_two_crashes_in_a_row(tmp_path: Path) -> None:
    total = operations_of_a_run(tmp_path / "undisturbed")
    for first in range(5, total, 9):
        for second in range(3, total, 7):
            folder = tmp_path / f"{first}-{second}"
            store = prepared(folder)
            with pytest.raises(Crash):
                run_job(CrashingStore(store, first, after=True), CATALOG, "first", clock=1.0)
            try:
                run_job(CrashingStore(store, second, after=False), CATALOG, "second", clock=2.0)
            except Crash:
                assert_nothing_twice(folder)
                run_job(store, CATALOG, "third", clock=3.0)
            assert published(folder) == EXPECTED


class Turns:
    """Lets two threads do one operation at a time, in an order given by a list of whose turn it is.

    Behind the list's end it begins anew, and who has ended leaves its turns to the other: the same
    list always gives the same race.
    """

    def __init__(self, order: list[int]) -> None:
        self._order = order
        self._at = 0
        self._ended: set[int] = set()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, who: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._whose() == who)
            try:
                yield
            finally:
                self._at += 1
                self._changed.notify_all()

    def end(self, who: int) -> None:
        with self._changed:
            self._ended.add(who)
            self._changed.notify_all()

    def _whose(self) -> int:
        whose = self._order[self._at % len(self._order)]
        return 1 - whose if whose in self._ended else whose


class TurnStore(CrashingStore):
    """A store whose every operation waits for its launcher's turn."""

    def __init__(self, folder: Path, turns: Turns, who: int) -> None:
        super().__init__(LocalStore(folder), 0, after=False)
        self._turns = turns
        self._who = who

    def _do(self, name: str, *arguments: object) -> object:
        with self._turns.turn(self._who):
            return super()._do(name, *arguments)


def race(folder: Path, order: list[int], job: Callable[[TurnStore, int], None]) -> None:
    turns = Turns(order)
    errors: list[BaseException] = []

    def launch(who: int) -> None:
        try:
            job(TurnStore(folder, turns, who), who)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)
        finally:
            turns.end(who)

    threads = [threading.Thread(target=launch, args=(who,)) for who in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def race_two_runs(folder: Path, order: list[int]) -> None:
    prepared(folder)
    race(folder, order, lambda store, who: void(run_job(store, CATALOG, f"l{who}", clock=who)))
    store = LocalStore(folder)
    run_job(store, CATALOG, "last", clock=9.0)
    assert published(folder)["captions"] == EXPECTED["captions"]
    assert find_unfinished(store, "resume") is None


@settings(max_examples=60, deadline=None)
@given(order=st.lists(st.integers(0, 1), min_size=60, max_size=160))
def test_two_launchers_publish_each_row_once(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    race_two_runs(tmp_path_factory.mktemp("race"), order)


@pytest.mark.parametrize("staged", [False, True])
def test_a_launcher_that_pauses_while_another_finishes_its_run(
    tmp_path: Path, staged: bool
) -> None:
    """It pauses behind each operation in turn; the other may have begun, and staged all, before."""
    total = operations_of_a_run(tmp_path / "undisturbed")
    ahead = 2 * total // 5 if staged else 0
    for pause in range(1, total):
        order = [1] * ahead + [0] * pause + [1] * 1000
        race_two_runs(tmp_path / str(pause), order)


def void(_: object) -> None:
    pass


def test_a_missing_part_fails_the_run_and_publishes_nothing(tmp_path: Path) -> None:
    store = prepared(tmp_path)
    with pytest.raises(Crash):
        run_job(CrashingStore(store, 30, after=True), CATALOG, "first", clock=1.0)
    run = find_unfinished(store, "resume")
    assert run is not None
    with pytest.raises(CountMismatchError, match="unaccounted"):
        commit_run(store, run, [("split0", 0, 5)], [])
    assert published(tmp_path)["captions"] == ["a", "b"]


def reach(parts: list[Part], position: int) -> int:
    """The furthest row that a chain of parts from a position reaches, by trying all chains."""
    return max(
        [position]
        + [reach(parts, part.last) for part in parts if part.first == position < part.last]
    )


ranges = st.tuples(st.integers(0, 8), st.integers(1, 5), st.sampled_from("abc"))


@given(st.lists(ranges, max_size=8))
def test_a_cover_reaches_as_far_as_any(drawn: list[tuple[int, int, str]]) -> None:
    parts = [
        Part(split_id="s", first=first, last=first + size, attempt=attempt, counts=Counts())
        for first, size, attempt in drawn
    ]
    cover = choose_cover(parts)
    ends = [0, *(part.last for part in cover)]
    assert [part.first for part in cover] == ends[:-1]
    assert ends[-1] == reach(parts, 0)
    assert choose_cover(reversed(parts)) == cover
    record = SplitRecord(split_id="s", offset=0, row_count=9, parts=cover)
    assert choose_cover(record.parts) == cover
