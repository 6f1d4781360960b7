"""Progress from the staging: as the workers' own counts, and the stop for all of them."""

import time
from pathlib import Path

import pytest

from pipelines import watching
from pipelines.watch_staging import StagingWatch
from schemas.manifest import Counts
from storage.export_pictures import export_part
from storage.export_plan import PictureFolders, plan_export
from storage.layout import manifest_path, stop_path
from storage.parts import Part, stage_part
from storage.staged import stage_plan
from storage.store import Store
from storage.store.local import LocalStore
from tests.generated import generated
from tests.storage.rows import a_run, a_split
from tests.storage.test_export_pictures import commit
from tests.transforms.work import run_settings
from transforms.stopping import StopWatch

PLAN = (a_split("s", 100), a_split("t", 100), a_split("u", 100))


@pytest.fixture(autouse=True)
def every_look_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_SECONDS_BETWEEN_LISTINGS", 0.0)
    monkeypatch.setattr(watching, "_LOOKS_LAST_A", 0.0)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def stage(store: Store, split_id: str, rows: int, failed: int = 0, skipped: int = 0) -> None:
    counts = Counts(rows_in=rows, rows_out=rows - failed - skipped, failed=failed, skipped=skipped)
    part = Part(
        split_id=split_id,
        first=0,
        last=rows,
        attempt="a",
        counts=counts,
        failures_by_kind={"timeout": failed} if failed else {},
        unusual_pictures=2,
    )
    stage_part(store, "run", part)


def watch_of(store: Store, base: int = 0, rate: float = 0.1) -> StagingWatch:
    settings = run_settings(Path("/out"), "run", max_failure_rate=rate)
    return StagingWatch(store, a_run("run", base=base), settings)


def look(watch: StagingWatch) -> None:
    """Look, and wait for what is done beside."""
    watch.look()
    assert watch._looking is not None
    watch._looking.join()


def is_stopped(store: Store) -> bool:
    return StopWatch(store, stop_path("run")).is_set()


def test_the_tally_fills_with_what_workers_have_staged(store: LocalStore) -> None:
    watch = watch_of(store)
    stage(store, "s", 30, failed=1, skipped=4)
    look(watch)
    assert (watch.tally.planning_done, watch.tally.planned, watch.tally.passed) == (False, 0, 0)
    stage_plan(store, "run", PLAN)
    stage(store, "t", 20)
    look(watch)
    assert (watch.tally.planning_done, watch.tally.planned, watch.tally.passed) == (True, 300, 50)
    assert (watch.tally.rows_out, watch.tally.skipped) == (45, 4)
    assert watch.tally.failed == {"timeout": 1}
    assert watch.tally.unusual_pictures == 4
    assert not is_stopped(store)


def test_how_much_is_left_is_not_told_where_rows_may_be_skipped(store: LocalStore) -> None:
    watch = watch_of(store, base=3)
    stage_plan(store, "run", PLAN)
    stage(store, "s", 30)
    look(watch)
    assert (watch.tally.planning_done, watch.tally.passed) == (False, 30)


def test_failures_that_no_worker_alone_would_stop_for_stop_all(store: LocalStore) -> None:
    watch = watch_of(store)
    stage_plan(store, "run", PLAN)
    # Of each 60 rows 9 fail: a worker does not judge before a hundred.
    stage(store, "s", 60, failed=9)
    look(watch)
    assert not is_stopped(store)
    stage(store, "t", 60, failed=9)
    look(watch)
    assert is_stopped(store)


@pytest.mark.parametrize(("rate", "stopped"), [(0.1, False), (0.09, True), (1.0, False)])
def test_only_more_failures_than_are_allowed_stop_a_run(
    store: LocalStore, rate: float, stopped: bool
) -> None:
    watch = watch_of(store, rate=rate)
    stage_plan(store, "run", PLAN)
    for split_id in "stu":
        stage(store, split_id, 100, failed=10)
    look(watch)
    assert is_stopped(store) is stopped


def test_a_run_that_was_committed_is_not_stopped_and_over_after_a_while(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = watch_of(store)
    stage_plan(store, "run", PLAN)
    stage(store, "s", 100, failed=50)
    store.put(manifest_path("run"), b"{}")
    look(watch)
    assert not is_stopped(store)
    assert not watch.is_over
    monkeypatch.setattr(watching, "_SECONDS_FOR_THE_ENGINE", 0.0)
    assert watch.is_over


def test_what_is_written_beside_the_table_is_counted_by_part(tmp_path: Path) -> None:
    out = LocalStore(tmp_path / "out")
    commit(out, "run", [generated("a")], [generated("b")], [generated("c")])
    folders = PictureFolders(images=str(tmp_path / "images"))
    settings = run_settings(tmp_path / "out", "run", folders=folders)
    watch = StagingWatch(out, a_run("run", job="generate", table="generations"), settings)
    for written, part in enumerate(plan_export(out, "generations", folders)):
        look(watch)
        assert (watch.tally.parts_exported, watch.tally.parts_to_export) == (written, 3)
        export_part(out, part, folders)
    look(watch)
    assert watch.tally.parts_exported == 3


def test_a_store_that_is_away_for_a_moment_is_looked_at_again(tmp_path: Path) -> None:
    class Away(LocalStore):
        away = True

        def get(self, path: str) -> bytes:
            if self.away:
                raise OSError("no route to host")
            return super().get(path)

    store = Away(tmp_path)
    watch = watch_of(store)
    stage_plan(store, "run", PLAN)
    stage(store, "s", 30)
    look(watch)
    assert watch.tally.passed == 0
    store.away = False
    look(watch)
    assert watch.tally.passed == 30


def test_a_slow_store_is_asked_by_one_look_at_a_time(tmp_path: Path) -> None:
    class Slow(LocalStore):
        asked = 0

        def get(self, path: str) -> bytes:
            self.asked += 1
            time.sleep(0.3)
            return super().get(path)

    store = Slow(tmp_path)
    stage_plan(store, "run", PLAN)
    watch = watch_of(store)
    for _ in range(5):
        watch.look()
    assert watch._looking is not None
    watch._looking.join()
    assert store.asked == 1


def test_looks_are_seconds_apart(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_SECONDS_BETWEEN_LISTINGS", 60.0)
    watch = watch_of(store)
    watch.look()
    assert watch._looking is None
