"""Fetching against real servers on loopback, and the table of addresses that are refused."""

import http.server
import ipaddress
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.fetch import Fetcher
from storage.fetching.policy import FetchPolicy, is_public, redact, resolve_uri

Answer = Callable[[http.server.BaseHTTPRequestHandler, int], None]


class Web:
    """A server whose answers a test gives by path; counts the requests of each."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: dict[str, int] = {}
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                number = web.requests[self.path] = web.requests.get(self.path, 0) + 1
                web.answers[self.path](self, number)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    thread = threading.Thread(target=web.server.serve_forever)
    thread.start()
    yield web
    web.server.shutdown()
    thread.join()
    web.server.server_close()


def reply(status: int, body: bytes = b"", length: int | None = None, **headers: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        if length is not None:
            handler.close_connection = True

    return answer


_made: list[Fetcher] = []


@pytest.fixture(autouse=True)
def close_fetchers() -> Iterator[None]:
    yield
    while _made:
        _made.pop().close()


def fetcher(**changes: object) -> Fetcher:
    settings: dict[str, object] = {
        "allowed_schemes": ("file", "http", "https"),
        "allow_private_addresses": True,
        "max_bytes": 1000,
        "max_seconds": 2.0,
        "attempts": 3,
    }
    made = Fetcher(FetchPolicy(**(settings | changes)))  # type: ignore[arg-type]
    _made.append(made)
    return made


def kind_of(fetch: Fetcher, uri: str) -> FailureKind:
    with pytest.raises(RowError) as caught:
        fetch.fetch(uri)
    return caught.value.kind


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (404, FailureKind.NOT_FOUND, 1),
        (410, FailureKind.NOT_FOUND, 1),
        (403, FailureKind.FORBIDDEN, 1),
        (401, FailureKind.FORBIDDEN, 1),
        (500, FailureKind.STORAGE_ERROR, 3),
        (429, FailureKind.STORAGE_ERROR, 3),
        (418, FailureKind.STORAGE_ERROR, 1),
    ],
)
def test_a_status_gives_its_kind(web: Web, status: int, kind: FailureKind, requests: int) -> None:
    web.answers["/x"] = reply(status)
    assert kind_of(fetcher(), f"{web.url}/x") is kind
    assert web.requests["/x"] == requests


def test_what_passes_is_tried_again(web: Web) -> None:
    web.answers["/x"] = lambda handler, number: (
        reply(503)(handler, number) if number < 3 else reply(200, b"picture")(handler, number)
    )
    assert fetcher().fetch(f"{web.url}/x") == b"picture"


def test_a_body_cut_short_is_tried_again(web: Web) -> None:
    web.answers["/x"] = lambda handler, number: reply(
        200, b"pic" if number == 1 else b"picture", length=7
    )(handler, number)
    assert fetcher().fetch(f"{web.url}/x") == b"picture"
    assert web.requests["/x"] == 2


def test_a_body_that_is_too_large_is_refused_with_and_without_its_length(web: Web) -> None:
    def endless(handler: http.server.BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x" * 1000)

    web.answers |= {"/a": reply(200, b"x" * 1001), "/b": endless, "/c": reply(200, b"x" * 1000)}
    assert kind_of(fetcher(), f"{web.url}/a") is FailureKind.TOO_LARGE
    assert kind_of(fetcher(), f"{web.url}/b") is FailureKind.TOO_LARGE
    assert len(fetcher().fetch(f"{web.url}/c")) == 1000


def test_a_slow_server_is_a_timeout(web: Web) -> None:
    released = threading.Event()
    web.answers["/x"] = lambda _handler, _number: void(released.wait(20))
    assert kind_of(fetcher(max_seconds=0.2, attempts=1), f"{web.url}/x") is FailureKind.TIMEOUT
    released.set()


def void(_: object) -> None:
    pass


def test_redirects_are_followed_and_each_is_checked(web: Web) -> None:
    web.answers |= {
        "/here": reply(302, Location="/there"),
        "/there": reply(200, b"picture"),
        "/loop": reply(302, Location="/loop"),
        "/file": reply(302, Location="file:///etc/hostname"),
    }
    assert fetcher().fetch(f"{web.url}/here") == b"picture"
    assert kind_of(fetcher(), f"{web.url}/loop") is FailureKind.POLICY
    assert web.requests["/loop"] == 6
    assert kind_of(fetcher(), f"{web.url}/file") is FailureKind.POLICY


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433"])
def test_private_addresses_are_not_connected_to(web: Web, host: str) -> None:
    web.answers["/x"] = reply(200, b"secret")
    url = f"http://{host}:{web.server.server_port}/x"
    assert kind_of(fetcher(allow_private_addresses=False), url) is FailureKind.POLICY
    assert not web.requests


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("100.64.0.1", False),
        ("255.255.255.255", False),
        ("2606:4700:4700::1111", True),
        ("::1", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("ff02::1", False),
    ],
)
def test_addresses(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


def test_local_files(tmp_path: Path) -> None:
    picture = tmp_path / "a b#c.png"
    picture.write_bytes(b"picture")
    os.mkfifo(tmp_path / "pipe")
    fetch = fetcher()
    assert fetch.fetch(str(picture)) == b"picture"
    assert kind_of(fetch, str(tmp_path / "absent")) is FailureKind.NOT_FOUND
    assert kind_of(fetch, str(tmp_path / "pipe")) is FailureKind.POLICY
    assert kind_of(fetch, "/dev/zero") is FailureKind.POLICY
    assert kind_of(fetch, str(tmp_path)) is FailureKind.POLICY
    assert kind_of(fetch, "with\0zero") is FailureKind.STORAGE_ERROR


def test_a_local_file_is_for_local_catalogs_only(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(b"picture")
    remote = Fetcher(FetchPolicy.for_catalog("https://host/catalog.csv"))
    assert kind_of(remote, f"file://{tmp_path}/p") is FailureKind.POLICY
    assert kind_of(remote, f"{tmp_path}/p") is FailureKind.POLICY
    local = Fetcher(FetchPolicy.for_catalog("/data/catalog.csv"))
    assert local.fetch(f"file://{tmp_path}/p") == b"picture"
    assert kind_of(local, "data:image/png;base64,AA") is FailureKind.POLICY


def test_uris_resolve_against_the_catalog_s_folder() -> None:
    assert resolve_uri("a/b.png", "/data") == "/data/a/b.png"
    assert resolve_uri("a.png", "s3://bucket/x") == "s3://bucket/x/a.png"
    assert resolve_uri("/abs.png", "/data") == "/abs.png"
    assert resolve_uri("../a.png", "https://host/x/y") == "https://host/x/a.png"
    assert resolve_uri("https://other/a.png", "/data") == "https://other/a.png"


def test_secrets_are_not_repeated() -> None:
    assert redact("https://me:word@host/a.png?signature=abc") == "https://host/a.png?..."
