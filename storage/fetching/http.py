"""GET over HTTP for pictures."""

import os
import ssl
import time
from collections.abc import Iterable
from urllib.parse import quote, urljoin, urlsplit

import httpcore2

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.connecting import CheckedBackend
from storage.fetching.http_failures import broken, check_status
from storage.fetching.policy import FetchPolicy
from storage.fetching.redacting import redact
from storage.fetching.transient import TransientError

_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 5
_KEEP = "/%:@!$&'()*+,;=~"


class HttpClient:
    """Fetches pictures over HTTP; thread-safe, connections are reused.

    A proxy set in the environment is not used: it would connect in our place, to addresses we
    have not checked.
    """

    def __init__(self, policy: FetchPolicy) -> None:
        self._policy = policy
        self._ssl_context = ssl.create_default_context()
        self._open()

    def close(self) -> None:
        """Close the connections, also those in use."""
        self._pool.close()

    def get(self, url: str) -> bytes:
        """Fetch a picture, once; its redirects count in.

        Raises:
            RowError: invalid_row, not_found, forbidden, storage_error, too_large or policy:
                another attempt is no use.
            TransientError: anything that may pass.

        """
        if self._process_id != os.getpid():
            self._open()
        deadline = time.monotonic() + self._policy.max_seconds
        hop = url
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._request(hop, deadline)
            if isinstance(answer, bytes):
                return answer
            hop = self._redirected(hop, answer)
        raise RowError(
            FailureKind.POLICY,
            f"{redact(url)} leads through more than {_MOST_REDIRECTS} redirects. Name their end in "
            "the catalog, then run with --only-failed.",
        )

    def _open(self) -> None:
        """Open a pool; a forked process must not write to its parent's connections."""
        self._process_id = os.getpid()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=self._ssl_context,
            max_connections=64,
            max_keepalive_connections=32,
            keepalive_expiry=10.0,
            network_backend=CheckedBackend(allow_private=self._policy.allow_private_addresses),
        )

    def _redirected(self, url: str, location: str) -> str:
        try:
            target = urljoin(url, location)
            scheme, before = urlsplit(target).scheme, urlsplit(url).scheme
        except ValueError as error:
            raise RowError(
                FailureKind.STORAGE_ERROR,
                f"{redact(url)} redirects to no valid address. A later run tries again.",
            ) from error
        if scheme not in {"http", "https"}:
            raise RowError(
                FailureKind.POLICY,
                f"{redact(url)} redirects to {redact(target)}: only http and https are followed. "
                "Copy the picture elsewhere, then run with --only-failed.",
            )
        if scheme == "http" and before == "https":
            raise RowError(
                FailureKind.POLICY,
                f"{redact(url)} redirects to {redact(target)}, which is not encrypted: not "
                "followed. If it is meant, name it in the catalog, then run with --only-failed.",
            )
        self._policy.check(target)
        return target

    def _request(self, url: str, deadline: float) -> bytes | str:
        """The body, or where a redirect leads."""
        target, host = _parse(url)
        timeout = dict.fromkeys(("connect", "read", "write"), deadline)
        # Waiting for a connection is the pool's own, which knows only durations.
        timeout["pool"] = max(deadline - time.monotonic(), 0.001)
        headers = [
            (b"host", host),
            (b"user-agent", b"calumma"),
            (b"accept", b"image/*,*/*;q=0.5"),
            # A compressed reply could unpack to any size.
            (b"accept-encoding", b"identity"),
        ]
        try:
            with self._pool.stream(
                "GET", target, headers=headers, extensions={"timeout": timeout}
            ) as reply:
                location = _header(reply.headers, b"location")
                if reply.status in _REDIRECTS and location:
                    return location
                check_status(reply.status, url, _header(reply.headers, b"retry-after"))
                return self._read(reply, url, deadline)
        except httpcore2.ConnectTimeout as error:
            raise TransientError(
                FailureKind.TIMEOUT,
                f"{redact(url)} could not be fetched: its server could not be reached in time.",
                unreachable=True,
            ) from error
        except (httpcore2.TimeoutException, TimeoutError) as error:
            raise TransientError(
                FailureKind.TIMEOUT,
                f"{redact(url)} did not come within {self._policy.max_seconds:g} seconds. If it is "
                "slow, raise --fetch-seconds.",
            ) from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
            raise broken(error, url) from error

    def _read(self, reply: httpcore2.Response, url: str, deadline: float) -> bytes:
        limit = self._policy.max_bytes
        promised = _header(reply.headers, b"content-length")
        if promised.isdecimal() and int(promised) > limit:
            raise self._policy.too_large(url)
        body = bytearray()
        # h11 raises RemoteProtocolError for a body shorter than its length.
        for piece in reply.iter_stream():
            body += piece
            if len(body) > limit:
                raise self._policy.too_large(url)
            if time.monotonic() > deadline:
                raise TimeoutError
        return bytes(body)


def _parse(url: str) -> tuple[httpcore2.URL, bytes]:
    """The address to ask, and its Host header.

    Raises:
        RowError: invalid_row.

    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna" if not url.isascii() else "ascii")
        port = parts.port
        target = quote(parts.path or "/", safe=_KEEP)
        if parts.query:
            target += "?" + quote(parts.query, safe=f"{_KEEP}?")
    except ValueError as error:
        raise _not_an_address(url) from error
    if not host or port == 0 or any(byte <= 0x20 or byte >= 0x7F for byte in host):
        raise _not_an_address(url)
    parsed = httpcore2.URL(scheme=parts.scheme, host=host, port=port, target=target)
    shown = b"[%s]" % host if b":" in host else host
    return parsed, shown if port is None else b"%s:%d" % (shown, port)


def _not_an_address(url: str) -> RowError:
    return RowError(
        FailureKind.INVALID_ROW,
        f"{redact(url)} is not a web address. Correct the catalog, then run with --only-failed.",
    )


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")
