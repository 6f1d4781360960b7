"""Connections for the HTTP client: to checked addresses only, and never past a deadline.

The timeouts that this backend is given are not durations but instants of ``time.monotonic``: a
duration starts anew with each read, and a server that sends a byte now and then never meets it.
"""

import contextlib
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.addresses import is_private, is_public

# Packets to open a connection are sent again after one, three and seven seconds.
_MOST_SECONDS_TO_CONNECT = 10.0


class CheckedBackend(httpcore2.NetworkBackend):
    """Resolves a name, checks each address, and connects to just what was checked.

    So a name that resolves differently a moment later (DNS rebinding) leads nowhere. Resolving
    itself is bounded by the system's resolver, not by the deadline.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            RowError: policy, if one of the addresses is not allowed.

        """
        addresses = _resolve(host, port)
        for address in addresses:
            self._check(host, address)
        if timeout is not None:
            timeout = min(timeout, time.monotonic() + _MOST_SECONDS_TO_CONNECT)
        last: Exception = httpcore2.ConnectError(f"{host} has no address")
        for number, address in enumerate(addresses):
            # An address that swallows packets must leave time for the next one.
            seconds = _remaining(timeout, httpcore2.ConnectTimeout) / (len(addresses) - number)
            try:
                stream = self._inner.connect_tcp(
                    address, port, seconds, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
            else:
                return _DeadlineStream(stream)
        raise last

    def _check(self, host: str, address: str) -> None:
        parsed = ipaddress.ip_address(address)
        if is_public(parsed) or (self._allow_private and is_private(parsed)):
            return
        where = host if host == address else f"{host} has the address {address}, which"
        if is_private(parsed):
            raise RowError(
                FailureKind.POLICY,
                f"{where} is not of the public internet: no picture is fetched there. If it is "
                "meant, allow it with --allow-private-addresses, then run with --only-failed.",
            )
        raise RowError(
            FailureKind.POLICY,
            f"{where} is an address that no picture is fetched from, such as those where clouds "
            "keep their machines' credentials. Copy the picture elsewhere, then run with "
            "--only-failed.",
        )


class _DeadlineStream(httpcore2.NetworkStream):
    """A connection whose timeouts are instants."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come, at most ``max_bytes``."""
        return self._inner.read(max_bytes, _remaining(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of the buffer."""
        self._inner.write(buffer, _remaining(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        """Close the connection; a thread that is reading from it wakes up."""
        connection = self._inner.get_extra_info("socket")
        with contextlib.suppress(OSError):
            # Not SSLSocket.shutdown, which takes the TLS object away under the reading thread.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Speak TLS from here on."""
        seconds = _remaining(timeout, httpcore2.ConnectTimeout)
        return _DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        """What the connection below knows."""
        return self._inner.get_extra_info(info)


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise httpcore2.ConnectError(f"{host} cannot be resolved now") from error
        raise RowError(
            FailureKind.STORAGE_ERROR,
            f"The name {host} cannot be resolved: {error.strerror}. Check the uri; a later run "
            "tries again.",
        ) from error
    except (ValueError, OverflowError) as error:
        raise RowError(
            FailureKind.INVALID_ROW,
            f"{host!r} is not a host name. Correct the catalog, then run with --only-failed.",
        ) from error
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def _remaining(deadline: float | None, timeout_error: type[Exception]) -> float:
    if deadline is None:
        raise ValueError("a deadline is missing")
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise timeout_error
    return seconds
