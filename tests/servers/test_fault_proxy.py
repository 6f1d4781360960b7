"""The proxy's faults are what they are called, and the same for the same seed."""

import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.client import IncompleteRead

import pytest

from storage.filesystems import open_filesystem
from tests.servers.fault_proxy import Mode, fault_proxy
from tests.servers.object_stores import at_server, moto_s3
from tests.servers.web import reply, web_server


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:
        body: bytes = answer.read()
        return body


@pytest.mark.parametrize(
    ("mode", "error", "passed_on"),
    [
        ("error", urllib.error.HTTPError, 0),
        ("reset", ConnectionResetError, 0),
        ("lost", ConnectionResetError, 1),
        ("truncated", IncompleteRead, 1),
    ],
)
def test_modes(mode: Mode, error: type[Exception], passed_on: int) -> None:
    with web_server() as web:
        web.answers["/x"] = reply(200, b"picture")
        with fault_proxy(web.url, mode, rate=1.0) as proxy:
            with pytest.raises(error) as caught:
                get(f"{proxy.url}/x")
            if isinstance(caught.value, urllib.error.HTTPError):
                caught.value.close()
            assert proxy.faults == {mode: 1}
        assert web.requests["/x"] == passed_on


def test_a_seed_fails_the_same_requests_in_any_order() -> None:
    def failing(seed: int, threads: int) -> set[int]:
        def fails(number: int) -> bool:
            try:
                return get(f"{proxy.url}/{number}") != b"picture"
            except urllib.error.HTTPError as error:
                error.close()
                return True

        with (
            fault_proxy(web.url, "error", rate=0.3, seed=seed) as proxy,
            ThreadPoolExecutor(threads) as pool,
        ):
            return {n for n, failed in enumerate(pool.map(fails, range(60))) if failed}

    with web_server() as web:
        web.answers = {f"/{number}": reply(200, b"picture") for number in range(60)}
        once = failing(seed=1, threads=1)
        assert 5 < len(once) < 35
        assert failing(seed=1, threads=8) == once
        assert failing(seed=2, threads=8) != once


def test_uploads_pass_through() -> None:
    """Small ones, multipart ones and those that expect 100 Continue."""
    body = bytes(range(256)) * 40_000
    with moto_s3() as server, fault_proxy(server.url) as proxy, at_server(server, proxy.url):
        filesystem = open_filesystem("s3://x")[0]
        filesystem.pipe_file("pictures/small", b"picture")
        with filesystem.open("pictures/large", "wb", block_size=5 << 20) as file:
            file.write(body)
        assert filesystem.cat_file("pictures/small") == b"picture"
        assert filesystem.cat_file("pictures/large") == body
        assert proxy.requests >= 6


def test_only_some_methods_fail() -> None:
    with (
        moto_s3() as server,
        fault_proxy(server.url, "lost", rate=1.0, methods={"DELETE"}) as proxy,
        at_server(server, proxy.url),
    ):
        filesystem = open_filesystem("s3://x")[0]
        filesystem.pipe_file("pictures/p", b"picture")
        assert filesystem.cat_file("pictures/p") == b"picture"
        assert not proxy.faults
