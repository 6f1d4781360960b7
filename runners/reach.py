"""Whether something answers at an address."""

import socket

from runners.errors import RunnerError

_SECONDS = 5.0


def split_address(address: str, what: str) -> tuple[str, int]:
    """Split ``host:port``.

    Raises:
        RunnerError: it is none.

    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise RunnerError(f"{what} must be HOST:PORT, not {address!r}.")
    return host.strip("[]"), int(port)


def check_answers(addresses: list[str], what: str, advice: str) -> None:
    """Check that one of several addresses takes a connection.

    Raises:
        RunnerError: none does, or one is no address.

    """
    problems = []
    for address in addresses:
        try:
            socket.create_connection(split_address(address, what), timeout=_SECONDS).close()
        except OSError as error:
            problems.append(f"{address}: {error.strerror or error}")
        else:
            return
    raise RunnerError(f"{what} does not answer ({'; '.join(problems)}). {advice}")


def check_serves_calls(address: str, what: str, advice: str) -> None:
    """Check that a gRPC server is behind an address: Beam waits for one without end.

    Raises:
        RunnerError: there is none.

    """
    import grpc

    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(_SECONDS)
        except grpc.FutureTimeoutError:
            raise RunnerError(
                f"{what} at {address} hangs, or is something else. {advice}"
            ) from None
