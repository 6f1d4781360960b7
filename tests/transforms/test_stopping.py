"""The stop object: seen by all workers, looked for seldom."""

import json
from pathlib import Path

from storage.layout import stop_path
from storage.store.local import LocalStore
from transforms.stopping import StopWatch

PATH = stop_path("run")


class CountingStore(LocalStore):
    looks = 0

    def exists(self, path: str) -> bool:
        self.looks += 1
        return super().exists(path)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_worker_stops_the_others_with_a_reason(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    mine, yours = StopWatch(store, PATH), StopWatch(store, PATH)
    mine.set("more than 10% of the rows failed")
    assert mine.is_set()
    assert yours.is_set()
    assert json.loads(store.get(PATH)) == {"reason": "more than 10% of the rows failed"}


def test_the_store_is_asked_every_two_seconds_at_most(tmp_path: Path) -> None:
    store, clock = CountingStore(tmp_path), Clock()
    watch = StopWatch(store, PATH, clock)
    for tenth in range(100):
        clock.now = tenth / 10
        assert not watch.is_set()
    assert store.looks == 5


def test_a_stop_is_seen_at_the_next_look(tmp_path: Path) -> None:
    store, clock = CountingStore(tmp_path), Clock()
    watch = StopWatch(store, PATH, clock)
    assert not watch.is_set()
    StopWatch(store, PATH).set("enough")
    clock.now = 1.9
    assert not watch.is_set()
    clock.now = 2.0
    assert watch.is_set()


def test_once_stopped_nobody_asks_again(tmp_path: Path) -> None:
    store, clock = CountingStore(tmp_path), Clock()
    watch = StopWatch(store, PATH, clock)
    watch.set("enough")
    for clock.now in (1.0, 5.0, 50.0):
        assert watch.is_set()
    assert store.looks == 0


def test_two_workers_may_stop_a_run_at_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for reason in ("first", "second"):
        StopWatch(store, PATH).set(reason)
    assert StopWatch(store, PATH).is_set()
