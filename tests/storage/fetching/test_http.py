"""Fetching from real web servers, friendly and hostile."""

import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpcore2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching import silence
from storage.fetching.http_failures import seconds_to_wait
from tests.servers.web import Handler, Web, in_turn, raw, reply, web_server, write_certificate
from tests.storage.fetching.conftest import MakeFetcher, error_of, kind_of


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (404, FailureKind.NOT_FOUND, 1),
        (410, FailureKind.NOT_FOUND, 1),
        (401, FailureKind.FORBIDDEN, 1),
        (403, FailureKind.FORBIDDEN, 1),
        (204, FailureKind.STORAGE_ERROR, 1),
        (302, FailureKind.STORAGE_ERROR, 1),  # without a Location
        (418, FailureKind.STORAGE_ERROR, 1),
        (408, FailureKind.STORAGE_ERROR, 3),
        (429, FailureKind.STORAGE_ERROR, 3),
        (500, FailureKind.STORAGE_ERROR, 3),
        (503, FailureKind.STORAGE_ERROR, 3),
    ],
)
def test_a_status_gives_its_kind(
    web: Web, fetcher: MakeFetcher, status: int, kind: FailureKind, requests: int
) -> None:
    web.answers["/x?sig=abc"] = reply(status)
    error = error_of(fetcher(), f"{web.url}/x?sig=abc")
    assert error.kind is kind
    assert web.requests["/x?sig=abc"] == requests
    assert f"{web.url}/x?..." in error.message


def test_what_passes_is_tried_again(web: Web, fetcher: MakeFetcher) -> None:
    web.answers["/x"] = in_turn(reply(503), reply(500), reply(200, b"picture"))
    assert fetcher().fetch(f"{web.url}/x") == b"picture"


def test_a_connection_reset_is_tried_again(web: Web, fetcher: MakeFetcher) -> None:
    web.answers["/x"] = in_turn(raw(b""), raw(b"HTTP/1.1 200"), reply(200, b"picture"))
    assert fetcher().fetch(f"{web.url}/x") == b"picture"
    assert web.requests["/x"] == 3


def test_a_body_cut_short_is_tried_again(web: Web, fetcher: MakeFetcher) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\npic"
    web.answers["/x"] = in_turn(reply(200, b"pic", length=7), raw(chunked), reply(200, b"picture"))
    assert fetcher().fetch(f"{web.url}/x") == b"picture"
    assert web.requests["/x"] == 3


def test_a_body_always_cut_short_is_a_storage_error(web: Web, fetcher: MakeFetcher) -> None:
    web.answers["/x"] = reply(200, b"pic", length=7)
    assert kind_of(fetcher(), f"{web.url}/x") is FailureKind.STORAGE_ERROR
    assert web.requests["/x"] == 3


def test_a_body_longer_than_its_length_is_cut_there(web: Web, fetcher: MakeFetcher) -> None:
    web.answers["/x"] = reply(200, b"picture and more", length=7)
    assert fetcher().fetch(f"{web.url}/x") == b"picture"


def test_an_empty_body_is_no_error(web: Web, fetcher: MakeFetcher) -> None:
    web.answers["/x"] = reply(200)
    assert fetcher().fetch(f"{web.url}/x") == b""


def test_too_large_with_and_without_its_length(web: Web, fetcher: MakeFetcher) -> None:
    sent = 0

    def endless(handler: Handler, _: int) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for _ in range(100_000):
            sent += handler.wfile.write(b"x" * 1000)

    web.answers |= {"/a": reply(200, b"x" * 1001), "/b": endless, "/c": reply(200, b"x" * 1000)}
    assert kind_of(fetcher(), f"{web.url}/a") is FailureKind.TOO_LARGE
    assert kind_of(fetcher(), f"{web.url}/b") is FailureKind.TOO_LARGE
    assert sent < 100_000_000
    assert len(fetcher().fetch(f"{web.url}/c")) == 1000
    assert web.requests == {"/a": 1, "/b": 1, "/c": 1}


def test_nothing_compressed_is_asked_for_nor_unpacked(web: Web, fetcher: MakeFetcher) -> None:
    web.answers["/x"] = reply(200, b"\x1f\x8bpacked", Content_Encoding="gzip")
    assert fetcher().fetch(f"{web.url}/x") == b"\x1f\x8bpacked"
    assert web.headers["accept-encoding"] == "identity"


def test_a_server_that_does_not_answer_is_a_timeout(web: Web, fetcher: MakeFetcher) -> None:
    web.answers["/x"] = lambda _handler, _number: wait(web)
    fetch = fetcher(max_seconds=0.2, attempts=2)
    assert kind_of(fetch, f"{web.url}/x") is FailureKind.TIMEOUT
    assert web.requests["/x"] == 2


@pytest.mark.parametrize(
    "beginning", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"]
)
def test_a_server_that_trickles_is_a_timeout(
    web: Web, fetcher: MakeFetcher, beginning: bytes
) -> None:
    """Each byte comes soon after the last: only the sum is too long."""

    def trickle(handler: Handler, _: int) -> None:
        handler.wfile.write(beginning)
        while not web.stopping.wait(0.02):
            handler.wfile.write(b"x")

    web.answers["/x"] = trickle
    assert kind_of(fetcher(max_seconds=0.4, attempts=1), f"{web.url}/x") is FailureKind.TIMEOUT


def test_a_server_that_cannot_be_reached_is_tried_twice(
    fetcher: MakeFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds: list[float] = []

    def swallow(self: object, host: str, port: int, timeout: float, *_: object) -> None:
        seconds.append(timeout)
        raise httpcore2.ConnectTimeout

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", swallow)
    error = error_of(fetcher(max_seconds=600.0, attempts=5), "http://127.0.0.1/x")
    assert error.kind is FailureKind.TIMEOUT
    assert "could not be reached in time. Tried 2 times" in error.message
    assert len(seconds) == 2
    assert 5 < max(seconds) <= 10  # the rest of the time is for the picture


def test_a_server_that_refuses_is_given_time_to_start(fetcher: MakeFetcher) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and not listening
        error = error_of(fetcher(), f"http://127.0.0.1:{bound.getsockname()[1]}/x")
    assert error.kind is FailureKind.STORAGE_ERROR
    assert "cannot be reached (Connection refused). Tried 3 times" in error.message


def test_the_rows_of_a_host_that_does_not_answer_do_not_all_wait(
    web: Web, fetcher: MakeFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "_SECONDS", 0.0)
    web.answers |= dict.fromkeys(("/0", "/1", "/2", "/3", "/4"), raw(b""))
    fetch = fetcher(attempts=4)
    messages = [error_of(fetch, f"{web.url}/{number}").message for number in range(5)]
    assert web.requests == {"/0": 4, "/1": 4, "/2": 2}
    for message in messages[2:]:
        assert f"{web.url} gave no answer 10 times in a row" in message
    with web_server() as other:
        other.answers["/x"] = reply(200, b"picture")
        assert fetch.fetch(f"{other.url}/x") == b"picture"


def wait(web: Web) -> None:
    web.stopping.wait(60)


def test_closing_ends_a_fetch_under_way(web: Web, fetcher: MakeFetcher) -> None:
    asked = threading.Event()

    def never(_handler: Handler, _number: int) -> None:
        asked.set()
        wait(web)

    web.answers["/x"] = never
    fetch = fetcher(max_seconds=600.0, attempts=100)
    kinds: list[FailureKind] = []
    thread = threading.Thread(target=lambda: kinds.append(kind_of(fetch, f"{web.url}/x")))
    thread.start()
    assert asked.wait(60)
    fetch.close()
    thread.join(60)
    assert kinds == [FailureKind.STORAGE_ERROR]


def test_redirects_are_followed_to_other_servers(web: Web, fetcher: MakeFetcher) -> None:
    with web_server() as other:
        web.answers["/a/x"] = reply(302, Location="../b")
        web.answers["/b"] = reply(308, Location=f"{other.url}/c?d=1")
        other.answers["/c?d=1"] = reply(200, b"picture")
        assert fetcher().fetch(f"{web.url}/a/x") == b"picture"


@pytest.mark.parametrize(
    "location",
    ["/loop", "file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x", "s3://bucket/x"],
)
def test_redirects_that_are_not_followed(web: Web, fetcher: MakeFetcher, location: str) -> None:
    web.answers["/loop"] = reply(302, Location=location)
    assert kind_of(fetcher(), f"{web.url}/loop") is FailureKind.POLICY
    assert web.requests["/loop"] == (6 if location == "/loop" else 1)


def test_a_redirect_to_a_private_address_is_not_followed(
    web: Web, fetcher: MakeFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two loopback addresses, the first is let pass for public."""
    from storage.fetching import connecting

    monkeypatch.setattr(connecting, "is_public", lambda address: str(address) == "127.0.0.1")
    web.answers["/x"] = reply(302, Location=f"http://127.0.0.2:{web.port}/secret")
    web.answers["/secret"] = reply(200, b"secret")
    error = error_of(fetcher(allow_private_addresses=False), f"{web.url}/x")
    assert error.kind is FailureKind.POLICY
    assert "127.0.0.2 is not of the public internet" in error.message
    assert web.requests == {"/x": 1}


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "100.100.100.200", "168.63.129.16"]
)
def test_what_holds_a_machine_s_credentials_is_never_asked(
    web: Web, fetcher: MakeFetcher, host: str
) -> None:
    web.answers["/x"] = reply(302, Location=f"http://{host}/latest/meta-data/")
    fetch = fetcher(allow_private_addresses=True)
    for uri in (f"http://{host}/latest/meta-data/", f"{web.url}/x"):
        error = error_of(fetch, uri)
        assert error.kind is FailureKind.POLICY
        assert error.message.startswith(f"{host.strip('[]')} is an address that no picture")
        assert "--allow-private-addresses" not in error.message


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "public.example@127.0.0.1",
        "LOCALHOST",
    ],
)
def test_private_addresses_are_not_connected_to(web: Web, fetcher: MakeFetcher, host: str) -> None:
    web.answers["/x"] = reply(200, b"secret")
    error = error_of(fetcher(allow_private_addresses=False), f"http://{host}:{web.port}/x")
    assert error.kind is FailureKind.POLICY
    assert "--allow-private-addresses, then run with --only-failed" in error.message
    # An address is said once, a name with its address.
    name = host.strip("[]").rpartition("@")[2].lower()
    is_address = ":" in name or name in {"127.0.0.1", "0.0.0.0"}
    assert error.message.startswith(f"{name} {'is not' if is_address else 'has the address'}")
    assert not web.requests


def test_a_proxy_in_the_environment_is_not_used(
    web: Web, fetcher: MakeFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_server() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        web.answers["/x"] = reply(200, b"picture")
        assert fetcher().fetch(f"{web.url}/x") == b"picture"
        assert not proxy.requests


def test_https_and_the_way_down_from_it(
    web: Web, fetcher: MakeFetcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = write_certificate(tmp_path / "server.pem")
    with web_server(certificate) as secure:
        secure.answers |= {
            "/x": reply(200, b"picture"),
            "/down": reply(302, Location=f"{web.url}/x"),
        }
        web.answers |= {"/x": reply(200, b"open"), "/up": reply(302, Location=f"{secure.url}/x")}
        error = error_of(fetcher(), f"{secure.url}/x")
        assert error.kind is FailureKind.STORAGE_ERROR
        assert "has no valid certificate: self-signed certificate." in error.message
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert fetcher().fetch(f"{secure.url}/x") == b"picture"
        assert fetcher().fetch(f"{web.url}/up") == b"picture"
        assert kind_of(fetcher(), f"{secure.url}/down") is FailureKind.POLICY
    assert web.requests == {"/up": 1}


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/é.png", "/%C3%A9.png"),
        ("/a b.png", "/a%20b.png"),
        ("/a%20b.png", "/a%20b.png"),
        ("/a[1].png?q=ü&r=1", "/a%5B1%5D.png?q=%C3%BC&r=1"),
        ("/a.png#part", "/a.png"),
        ("", "/"),
    ],
)
def test_paths_are_encoded(web: Web, fetcher: MakeFetcher, path: str, asked: str) -> None:
    web.answers[asked] = reply(200, b"picture")
    assert fetcher().fetch(web.url + path) == b"picture"
    assert web.headers["host"] == f"127.0.0.1:{web.port}"


@pytest.mark.parametrize(
    "uri",
    [
        "http://",
        "http:///x",
        "http:x",
        "http://[broken/x",
        "http://host:99999/x",
        "http://host:port/x",
        "http://127.0.0.1:0/x",
        "http://a..b/x",
        "http://ho st/x",
        f"http://{'a' * 300}/x",
        "http://127.0.0.1/\ud800",
        "http://\ud800/x",
        "http://℀.example/x",
    ],
)
def test_what_is_no_web_address_is_an_invalid_row(fetcher: MakeFetcher, uri: str) -> None:
    assert kind_of(fetcher(max_seconds=5.0), uri) in {
        FailureKind.INVALID_ROW,
        FailureKind.STORAGE_ERROR,
    }


@pytest.mark.parametrize(
    "text",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 503 x\r\nContent-Length: 0\r\nRetry-After: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: http://[x\r\n\r\n",
        b"HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: http://host:1x/\r\n\r\n",
        b"HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: \xff\xfe\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    ],
)
def test_hostile_replies_cost_their_row_only(web: Web, fetcher: MakeFetcher, text: bytes) -> None:
    web.answers["/x"] = raw(text)
    web.answers["/%C3%BF%C3%BE"] = reply(404)
    assert isinstance(error_of(fetcher(attempts=1), f"{web.url}/x"), RowError)


_PIECES = st.sampled_from(
    [*":/@[]?#%a0 \n\t\\\0\ud800é。", "//", ":80", ":-1", "%zz", "..", "xn--"]
)


def test_no_uri_raises_anything_but_row_errors(fetcher: MakeFetcher) -> None:
    """Private addresses are refused, so nothing is connected to."""
    fetch = fetcher(allow_private_addresses=False, attempts=1)

    @settings(max_examples=300, deadline=None)
    @example("http://[::1%25lo]:80/")
    @given(st.lists(_PIECES, max_size=8).map("".join).map(lambda rest: f"http://127.1{rest}"))
    def fails_as_a_row(uri: str) -> None:
        with pytest.raises(RowError):
            fetch.fetch(uri)

    fails_as_a_row()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0.0),
        ("7", 7.0),
        ("soon", 0.0),
        ("-3", 0.0),
        ("9" * 5000, float("inf")),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after(header: str, seconds: float) -> None:
    assert seconds_to_wait(header) == seconds


def test_retry_after_as_a_date() -> None:
    moment = datetime.now(UTC) + timedelta(hours=1)
    assert 3000 < seconds_to_wait(format_datetime(moment, usegmt=True)) <= 3600
