"""Fetching from object stores: what they hold, what they refuse, and when they fail."""

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.filesystems import open_filesystem
from tests.servers.fault_proxy import Mode, fault_proxy
from tests.servers.object_stores import (
    FAKE_GCS,
    VERSITYGW,
    StoreServer,
    at_server,
    fake_gcs,
    moto_s3,
    versitygw_s3,
)
from tests.storage.fetching.conftest import MakeFetcher, error_of, kind_of

_STORES = [
    pytest.param("moto"),
    pytest.param("versitygw", marks=pytest.mark.skipif(not VERSITYGW.exists(), reason="absent")),
    pytest.param("gcs", marks=pytest.mark.skipif(not FAKE_GCS.exists(), reason="absent")),
]


def picture(number: int) -> bytes:
    return bytes([number]) * (number * 50 + 2)


@pytest.fixture(scope="module", params=_STORES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[StoreServer, str]]:
    """A server that holds 200 pictures, an empty object and a large one; and the bucket's uri."""
    servers: dict[str, AbstractContextManager[StoreServer]] = {
        "moto": moto_s3(),
        "versitygw": versitygw_s3(tmp_path_factory.mktemp("gateway")),
        "gcs": fake_gcs(),
    }
    with servers[request.param] as server:
        bucket = f"{'gs' if request.param == 'gcs' else 's3'}://{server.bucket}"
        with at_server(server):
            filesystem, path = open_filesystem(bucket)
            for number in range(200):
                filesystem.pipe_file(f"{path}/p/{number}", picture(number))
            filesystem.pipe_file(f"{path}/empty", b"")
            filesystem.pipe_file(f"{path}/at", b"x" * 10_000)
            filesystem.pipe_file(f"{path}/416 above", b"x" * 10_001)
        yield server, bucket


def test_what_a_store_holds_and_does_not(
    store: tuple[StoreServer, str], fetcher: MakeFetcher
) -> None:
    server, bucket = store
    with at_server(server):
        fetch = fetcher(max_bytes=10_000, attempts=1)
        assert fetch.fetch(f"{bucket}/empty") == b""
        assert len(fetch.fetch(f"{bucket}/at")) == 10_000
        assert kind_of(fetch, f"{bucket}/416 above") is FailureKind.TOO_LARGE
        absent = error_of(fetch, f"{bucket}/absent")
        assert absent.kind is FailureKind.NOT_FOUND
        assert f"{bucket}/absent" in absent.message
        assert kind_of(fetch, f"{bucket}-elsewhere/x") is FailureKind.NOT_FOUND
        assert fetch.refetch(f"{bucket}/p/9", picture(9)) is None
        assert fetch.refetch(f"{bucket}/p/9", picture(9)[:-1]) == picture(9)


@pytest.mark.parametrize("name", ["", "/", "/../x", "/\ud800", "/\n", "//", "/?versionId=x"])
def test_odd_names_cost_their_row_only(
    store: tuple[StoreServer, str], fetcher: MakeFetcher, name: str
) -> None:
    server, bucket = store
    with at_server(server), pytest.raises(RowError):
        fetcher(attempts=1, max_seconds=5.0).fetch(bucket + name)


def test_nothing_is_lost_where_a_fifth_of_all_requests_fail(
    store: tuple[StoreServer, str], fetcher: MakeFetcher
) -> None:
    server, bucket = store
    modes: tuple[Mode, ...] = ("error", "reset", "lost", "truncated")
    with fault_proxy(server.url, *modes, rate=0.2, seed=1) as proxy, at_server(server, proxy.url):
        fetch = fetcher(max_bytes=20_000, attempts=5)
        with ThreadPoolExecutor(16) as threads:
            read = list(threads.map(lambda n: fetch.fetch(f"{bucket}/p/{n}"), range(200)))
        assert read == [picture(number) for number in range(200)]
        assert set(proxy.faults) == set(modes)


def test_a_store_that_always_cuts_its_bodies_gives_none_of_them(fetcher: MakeFetcher) -> None:
    with moto_s3() as server:
        with at_server(server):
            open_filesystem("s3://x")[0].pipe_file("pictures/p", b"picture")
        with (
            fault_proxy(server.url, "truncated", rate=1.0, methods={"GET"}) as proxy,
            at_server(server, proxy.url),
        ):
            error = error_of(fetcher(attempts=2), "s3://pictures/p")
            assert error.kind is FailureKind.STORAGE_ERROR
            assert "(the reply was cut short). Tried 2 times" in error.message


def test_refused_credentials_are_forbidden(fetcher: MakeFetcher, tmp_path: Path) -> None:
    if not VERSITYGW.exists():
        pytest.skip("needs a server that checks signatures")
    with versitygw_s3(tmp_path) as server, at_server(server):
        os.environ["AWS_SECRET_ACCESS_KEY"] = "wrong"
        assert kind_of(fetcher(), "s3://pictures/p") is FailureKind.FORBIDDEN


def test_no_credentials_are_forbidden(fetcher: MakeFetcher) -> None:
    with moto_s3() as server, at_server(server):
        del os.environ["AWS_ACCESS_KEY_ID"]
        del os.environ["AWS_SECRET_ACCESS_KEY"]
        error = error_of(fetcher(), "s3://pictures/p")
        os.environ |= server.credentials
    assert error.kind is FailureKind.FORBIDDEN
    assert "credentials" in error.message.lower()


@contextmanager
def silent_store() -> Iterator[tuple[StoreServer, threading.Event]]:
    """An endpoint that takes connections and never answers; the event: it took one."""
    taken = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connections: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connections.append(listener.accept()[0])
                except OSError:
                    return
                taken.set()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            with moto_s3() as server:
                silent = StoreServer(
                    url=f"http://127.0.0.1:{listener.getsockname()[1]}",
                    bucket=server.bucket,
                    endpoint_variable=server.endpoint_variable,
                    credentials=server.credentials,
                )
                with at_server(silent):
                    yield silent, taken
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in connections:
                connection.close()


def test_a_store_that_does_not_answer_is_a_timeout(fetcher: MakeFetcher) -> None:
    with silent_store():
        fetch = fetcher(max_seconds=0.3, attempts=2)
        assert kind_of(fetch, "s3://pictures/p") is FailureKind.TIMEOUT


def test_closing_ends_a_read_under_way(fetcher: MakeFetcher) -> None:
    with silent_store() as (_, taken):
        fetch = fetcher(max_seconds=600.0, attempts=100)
        kinds: list[FailureKind] = []
        thread = threading.Thread(target=lambda: kinds.append(kind_of(fetch, "s3://pictures/p")))
        thread.start()
        assert taken.wait(60)
        fetch.close()
        thread.join(60)
        assert kinds == [FailureKind.STORAGE_ERROR]
