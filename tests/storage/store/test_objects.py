"""What an output in an object store does beyond the contract of all stores."""

from collections.abc import Iterator
from typing import Any

import pytest

from storage.filesystems import open_filesystem
from storage.store import Store, open_store
from storage.store.objects import ObjectStore
from tests.servers.fault_proxy import fault_proxy
from tests.servers.object_stores import StoreServer, at_server, moto_s3
from tests.storage.store.contract import StoreContract


@pytest.fixture(scope="module")
def server() -> Iterator[StoreServer]:
    with moto_s3() as server, at_server(server):
        yield server


class TestObjectStore(StoreContract):
    @pytest.fixture
    def store(self, server: StoreServer) -> Store:
        return open_store(f"s3://{server.bucket}/out")

    @pytest.fixture
    def second(self, server: StoreServer) -> Store:
        """Another client, as another process has: it shares no cache of listings."""
        filesystem, root = open_filesystem(f"s3://{server.bucket}/out")
        other = type(filesystem)(skip_instance_cache=True)
        return ObjectStore(other, root, f"s3://{server.bucket}/out/")


def test_the_uri_is_as_given(server: StoreServer) -> None:
    assert open_store(f"s3://{server.bucket}/a/b/").uri == f"s3://{server.bucket}/a/b"


def test_outputs_side_by_side_see_nothing_of_each_other(server: StoreServer) -> None:
    store, other = (open_store(f"s3://{server.bucket}/{name}") for name in ("one", "one2"))
    store.put("a", b"1")
    other.put("b", b"2")
    assert [entry.path for entry in store.entries("")] == ["a"]
    store.delete_folder("")
    assert [entry.path for entry in other.entries("")] == ["b"]


def test_a_body_that_comes_short_is_read_again(
    server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"s3://{server.bucket}/short")
    store.put("a", b"whole")
    filesystem, _ = open_filesystem("s3://x")
    plain, calls = filesystem.cat_file, []

    def short(path: str, **options: Any) -> bytes:
        calls.append(path)
        return bytes(plain(path, **options))[: -1 if len(calls) < 3 else None]

    monkeypatch.setattr(filesystem, "cat_file", short)
    assert store.get("a") == b"whole"
    assert len(calls) == 3


def test_a_put_whose_reply_is_lost_was_one_s_own(
    server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"s3://{server.bucket}/lost")
    filesystem, _ = open_filesystem("s3://x")
    plain = filesystem.pipe_file

    def lost(path: str, data: bytes, **options: Any) -> None:
        plain(path, data, **options)
        raise ConnectionError("the reply was lost")

    monkeypatch.setattr(filesystem, "pipe_file", lost)
    assert store.put_new("a", b"mine")
    assert not store.put_new("a", b"another's")
    assert store.get("a") == b"mine"


def test_an_error_that_stays_is_raised_and_not_taken_for_absence(
    server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"s3://{server.bucket}/refused")
    store.put("a", b"1")
    filesystem, _ = open_filesystem("s3://x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("refused")

    for name in ("info", "find", "ls", "cat_file", "pipe_file"):
        monkeypatch.setattr(filesystem, name, refuse)
    for operation in (
        lambda: store.exists("a"),
        lambda: list(store.entries("")),
        lambda: store.folders(""),
        lambda: store.get("a"),
        lambda: store.put_new("b", b"1"),
    ):
        with pytest.raises(PermissionError):
            operation()


def test_nothing_is_lost_where_a_tenth_of_all_requests_fail(server: StoreServer) -> None:
    with (
        fault_proxy(server.url, "error", "reset", "lost", rate=0.1, seed=5) as proxy,
        at_server(server, proxy.url),
    ):
        store = open_store(f"s3://{server.bucket}/faults")
        for number in range(15):
            assert store.put_new(f"a/{number:02d}", b"%d" % number)
            store.move(f"a/{number:02d}", f"b/{number:02d}")
        assert [entry.path for entry in store.entries("")] == [f"b/{n:02d}" for n in range(15)]
        assert [store.get(f"b/{n:02d}") for n in range(15)] == [b"%d" % n for n in range(15)]
        assert sum(proxy.faults.values()) > 3
