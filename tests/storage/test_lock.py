"""One run at a time: held while its process lives, and never longer."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from schemas.errors import OutputBusyError
from storage import lock
from storage.layout import LOCK
from storage.lock import OutputLock
from storage.store import Store, open_store
from storage.store.local import LocalStore
from tests.servers.object_stores import StoreServer, at_server, moto_s3

HOLDER = f"{LOCK}/holder.json"

_HOLD = """
import sys
from storage.lock import OutputLock
from storage.store import open_store
with OutputLock(open_store(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holding(uri: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that holds the lock of an output until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def refused(store: Store) -> str:
    with pytest.raises(OutputBusyError) as caught, OutputLock(store):
        pass
    return str(caught.value)


@pytest.fixture(scope="module")
def server() -> Iterator[StoreServer]:
    with moto_s3() as server, at_server(server):
        yield server


@pytest.fixture
def objects(server: StoreServer, request: pytest.FixtureRequest) -> Store:
    return open_store(f"s3://{server.bucket}/{request.node.name}")


def test_a_local_output_is_held_by_one_and_then_by_the_next(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "out")
    for _ in range(2):
        with OutputLock(store):
            message = refused(LocalStore(tmp_path / "out"))
            assert f"{tmp_path}/out is being written by process {os.getpid()} on " in message
            with OutputLock(LocalStore(tmp_path / "other")):
                pass
    assert json.loads(store.get(HOLDER))["pid"] == os.getpid()


def test_a_local_lock_is_freed_by_an_error(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with pytest.raises(ZeroDivisionError), OutputLock(store):
        raise ZeroDivisionError
    with OutputLock(store):
        pass


def test_a_local_lock_is_freed_by_the_death_of_its_process(tmp_path: Path) -> None:
    with holding(str(tmp_path)) as process:
        assert f"by process {process.pid} on" in refused(LocalStore(tmp_path))
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        with OutputLock(LocalStore(tmp_path)):
            pass


def test_what_a_lock_s_file_says_does_not_matter(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put(HOLDER, b"\xff no json")
    with OutputLock(store):
        pass


def test_an_object_store_s_output_is_held_by_one_and_then_by_the_next(objects: Store) -> None:
    for _ in range(2):
        with OutputLock(objects):
            assert f"process {os.getpid()} on" in refused(objects)
        assert list(objects.entries(LOCK)) == []


def test_an_object_of_a_process_that_died_on_this_machine_is_taken_over_at_once(
    objects: Store,
) -> None:
    with holding(objects.uri) as process:
        assert f"process {process.pid} on" in refused(objects)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        assert objects.exists(HOLDER)
        with OutputLock(objects):
            assert json.loads(objects.get(HOLDER))["pid"] == os.getpid()


@pytest.mark.parametrize(
    "changes", [{"host": "elsewhere"}, {"boot": "another"}, {"pid": os.getpid()}, {"pid": "x"}]
)
def test_a_holder_that_may_live_is_not_taken_over(
    objects: Store, changes: dict[str, object]
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait(30)
    objects.put(HOLDER, json.dumps({**lock._whoami(), "pid": dead.pid, **changes}).encode())
    assert "is being written by" in refused(objects)


def test_an_object_that_nobody_rewrote_for_a_minute_is_taken_over(
    objects: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for holder in (b'{"host": "elsewhere", "boot": "b", "pid": 1}', b"no json"):
        objects.put(HOLDER, holder)
        assert "is being written by" in refused(objects)
        with monkeypatch.context() as patch:
            patch.setattr(lock, "_STALE_AFTER_SECONDS", -2.0)
            with OutputLock(objects):
                assert objects.get(HOLDER) != holder


def test_a_holder_rewrites_its_object_until_it_lets_go(
    objects: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_HEARTBEAT_SECONDS", 0.02)
    beats = threading.Semaphore(0)
    plain = type(objects).put

    def watched(store: Store, path: str, data: bytes) -> None:
        plain(store, path, data)
        if path == HOLDER:
            beats.release()

    monkeypatch.setattr(type(objects), "put", watched)
    with OutputLock(objects):
        content = objects.get(HOLDER)
        for _ in range(3):
            assert beats.acquire(timeout=30)
        assert objects.get(HOLDER) == content
    assert not objects.exists(HOLDER)
    assert not [thread for thread in threading.enumerate() if thread.name == "output-lock"]


def test_a_beat_that_is_missed_costs_nothing(
    objects: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_HEARTBEAT_SECONDS", 0.02)
    tried = threading.Semaphore(0)

    def failing(*_: object) -> None:
        tried.release()
        raise OSError("the store is away")

    with OutputLock(objects):
        with monkeypatch.context() as patch:
            patch.setattr(type(objects), "put", failing)
            for _ in range(2):
                assert tried.acquire(timeout=30)
        assert [thread for thread in threading.enumerate() if thread.name == "output-lock"]
    assert not objects.exists(HOLDER)
