"""GET over HTTP for pictures: every connection's address is checked, and only then connected to."""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore2

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.policy import FetchPolicy, is_public, redact

_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 5
_USER_AGENT = b"calumma"


class TransientError(Exception):
    """What may pass: worth another attempt.

    Args:
        kind: the failure's kind if no attempt succeeds.
        retry_after: seconds the server asks to wait, 0 if it does not.

    """

    def __init__(self, kind: FailureKind, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after


class HttpClient:
    """Fetches pictures over HTTP; thread-safe, connections are reused.

    A proxy set in the environment is not used: it would connect in our place, to addresses we
    have not checked.
    """

    def __init__(self, policy: FetchPolicy) -> None:
        self._policy = policy
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=64,
            max_keepalive_connections=32,
            keepalive_expiry=10.0,
            network_backend=_CheckedBackend(policy),
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def get(self, url: str) -> bytes:
        """Fetch a picture, once.

        Raises:
            RowError: not_found, forbidden, too_large, policy: trying again is no use.
            TransientError: anything that may pass.

        """
        deadline = time.monotonic() + self._policy.max_seconds
        for _ in range(_MOST_REDIRECTS + 1):
            target = self._request(url, deadline)
            if isinstance(target, bytes):
                return target
            url = target
            if urlsplit(url).scheme not in {"http", "https"}:
                raise RowError(
                    FailureKind.POLICY, f"{redact(url)} is where a redirect leads: not followed."
                )
        raise RowError(FailureKind.POLICY, f"{redact(url)}: more than {_MOST_REDIRECTS} redirects.")

    def _request(self, url: str, deadline: float) -> bytes | str:
        """The body, or where a redirect leads."""
        step = max(deadline - time.monotonic(), 0.001)
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), step)
        headers = [
            (
                b"host",
                urlsplit(url)
                .netloc.rpartition("@")[2]
                .encode("idna" if not url.isascii() else "ascii"),
            ),
            (b"user-agent", _USER_AGENT),
            (b"accept", b"image/*,*/*;q=0.5"),
            # A compressed reply could unpack to any size.
            (b"accept-encoding", b"identity"),
        ]
        try:
            with self._pool.stream(
                "GET", url, headers=headers, extensions={"timeout": timeout}
            ) as reply:
                location = _header(reply.headers, b"location")
                if reply.status in _REDIRECTS and location:
                    return urljoin(url, location)
                _check_status(reply.status, url, _header(reply.headers, b"retry-after"))
                return self._read(reply, url, deadline)
        except (httpcore2.TimeoutException, TimeoutError) as error:
            raise TransientError(
                FailureKind.TIMEOUT,
                f"{redact(url)} did not answer within {self._policy.max_seconds:g} seconds.",
            ) from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
            raise TransientError(
                FailureKind.STORAGE_ERROR,
                f"{redact(url)} could not be fetched: {type(error).__name__}: {error}.",
            ) from error
        except httpcore2.UnsupportedProtocol as error:
            raise RowError(FailureKind.POLICY, f"{redact(url)}: {error}.") from error

    def _read(self, reply: Any, url: str, deadline: float) -> bytes:
        limit = self._policy.max_bytes
        promised = _header(reply.headers, b"content-length")
        if promised and promised.isdigit() and int(promised) > limit:
            raise _too_large(url, limit)
        body = bytearray()
        for piece in reply.iter_stream():
            body += piece
            if len(body) > limit:
                raise _too_large(url, limit)
            if time.monotonic() > deadline:
                raise TimeoutError
        if promised and promised.isdigit() and len(body) < int(promised):
            raise TransientError(
                FailureKind.STORAGE_ERROR,
                f"{redact(url)} ended after {len(body)} of {promised} bytes.",
            )
        return bytes(body)


class _CheckedBackend(httpcore2.NetworkBackend):
    """Resolves a name, checks each address, and connects to just what was checked."""

    def __init__(self, policy: FetchPolicy) -> None:
        self._policy = policy
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Any:
        """Connect to the first address of a host that answers; refuse those not allowed."""
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} cannot be resolved: {error}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
        if not self._policy.allow_private_addresses:
            for address in addresses:
                if not is_public(ipaddress.ip_address(address)):
                    raise RowError(
                        FailureKind.POLICY,
                        f"{host} is the private address {address}, which pictures are not fetched "
                        "from. Allow it with --allow-private-addresses.",
                    )
        last: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
        raise last

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def _check_status(status: int, url: str, retry_after: str) -> None:
    where = redact(url)
    if status == 200:
        return
    if status in {404, 410}:
        raise RowError(FailureKind.NOT_FOUND, f"There is no {where} (HTTP {status}).")
    if status in {401, 403}:
        raise RowError(
            FailureKind.FORBIDDEN, f"{where} may not be read (HTTP {status}). Check its rights."
        )
    message = f"{where} answered HTTP {status}."
    if status in {408, 425, 429} or status >= 500:
        wait = float(retry_after) if retry_after.isdigit() else 0.0
        raise TransientError(FailureKind.STORAGE_ERROR, message, wait)
    raise RowError(FailureKind.STORAGE_ERROR, message)


def _too_large(url: str, limit: int) -> RowError:
    return RowError(
        FailureKind.TOO_LARGE,
        f"{redact(url)} has more than {limit:,} bytes. Raise --max-picture-bytes if so meant.",
    )


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")
