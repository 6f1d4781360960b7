"""A proxy on loopback in front of an HTTP or S3 server that makes some requests fail."""

import contextlib
import http.client
import http.server
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Literal
from urllib.parse import urlsplit

Mode = Literal["error", "reset", "lost", "truncated"]
"""How a request fails.

- error: answered 500 or 503, not passed on
- reset: the connection is reset, not passed on
- lost: passed on and done, and the connection reset instead of the reply
- truncated: passed on and done, and the reply's body cut in the middle; bodies of fewer than two
  bytes come whole
"""

_MOST_CONNECTIONS = 128
_IDLE_SECONDS = 30.0
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "te", "upgrade"}


class FaultProxy(http.server.ThreadingHTTPServer):
    """The proxy; use :func:`fault_proxy`.

    Attributes:
        url: where clients find it.
        faults: how often each mode struck so far.
        requests: requests so far, the failed ones too.

    """

    request_queue_size = _MOST_CONNECTIONS
    daemon_threads = False

    def __init__(
        self,
        upstream: str,
        modes: Collection[Mode],
        rate: float,
        seed: int,
        methods: Collection[str],
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.faults: Counter[Mode] = Counter()
        self.requests = 0
        self.pass_on_to(upstream)
        self._modes, self._rate, self._seed = tuple(modes), rate, seed
        self._methods = frozenset(methods)
        self._seen: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._slots = threading.BoundedSemaphore(_MOST_CONNECTIONS)

    def pass_on_to(self, upstream: str) -> None:
        """Name the server behind it, for one that has to know its proxy before it starts."""
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 80)

    def draw(self, method: str, path: str) -> tuple[Mode | None, random.Random]:
        """Whether and how a request fails.

        By the seed, what is asked, and how often it was asked before: not by the order in which
        threads happen to ask.
        """
        with self._lock:
            self.requests += 1
            self._seen[method, path] += 1
            chance = random.Random(f"{self._seed} {method} {path} {self._seen[method, path]}")
            if (self._methods and method not in self._methods) or chance.random() >= self._rate:
                return None, chance
            mode = chance.choice(self._modes)
            self.faults[mode] += 1
            return mode, chance

    def process_request(self, request: object, client_address: object) -> None:
        self._slots.acquire()
        assert isinstance(request, socket.socket)
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: object) -> None:
        assert isinstance(request, socket.socket)
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)
        self._slots.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients go away in the middle, which is what this is for."""

    def stop(self) -> None:
        """Close all connections and wait for their threads."""
        self.shutdown()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


@contextlib.contextmanager
def fault_proxy(
    upstream: str,
    *modes: Mode,
    rate: float = 0.2,
    seed: int = 0,
    methods: Collection[str] = (),
) -> Iterator[FaultProxy]:
    """Run a proxy for as long as the context lasts.

    Args:
        upstream: url of the server behind it.
        modes: what failing requests meet, drawn evenly; see :data:`Mode`.
        rate: fraction of requests that fail.
        seed: the same seed fails the same requests.
        methods: HTTP methods that can fail; empty for all.

    """
    proxy = FaultProxy(upstream, modes, rate if modes else 0.0, seed, methods)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    # This version also answers an Expect header with 100 Continue at once: without it the
    # uploads of S3 clients hang.
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    server: FaultProxy
    _upstream: http.client.HTTPConnection | None = None

    def _pass_on(self) -> None:
        body = self._body()
        mode, chance = self.server.draw(self.command, self.path)
        if mode == "error":
            self._answer(chance.choice((500, 503)), [("Content-Length", "0")], b"")
            return
        if mode == "reset":
            self._reset()
            return
        status, headers, reply = self._ask(body)
        if mode == "lost":
            self._reset()
        elif mode == "truncated" and len(reply) > 1 and self.command != "HEAD":
            self._answer(status, headers, reply[: len(reply) // 2])
            self.close_connection = True
        else:
            self._answer(status, headers, reply)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = _pass_on  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return body

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        if self._upstream is None:
            self._upstream = http.client.HTTPConnection(*self.server.upstream, timeout=60)
        self._upstream.putrequest(
            self.command, self.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in self.headers.items():
            if name.lower() not in _HOP_BY_HOP | {"content-length"}:
                self._upstream.putheader(name, value)
        if body or self.command in {"PUT", "POST"}:
            self._upstream.putheader("Content-Length", str(len(body)))
        self._upstream.endheaders(body)
        reply = self._upstream.getresponse()
        content = reply.read()
        headers = [pair for pair in reply.getheaders() if pair[0].lower() not in _HOP_BY_HOP]
        if reply.getheader("Content-Length") is None and reply.status not in {204, 304}:
            headers.append(("Content-Length", str(len(content))))
        if reply.will_close:
            self._upstream.close()
            self._upstream = None
        return reply.status, headers, content

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        # A linger time of zero makes close send RST.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
        self.close_connection = True

    def finish(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        if self.connection.fileno() != -1:
            super().finish()

    def log_message(self, *_: object) -> None:
        pass
