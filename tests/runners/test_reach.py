"""Whether something answers at an address, and whether it is what it should be."""

import socket
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest

from runners import reach
from runners.errors import RunnerError
from runners.reach import check_answers, check_serves_calls, split_address
from tests.servers.daemons import free_port


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.create_server(("localhost", 0)) as listener:
        yield f"localhost:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "parts"),
    [("host:80", ("host", 80)), ("10.0.0.1:65535", ("10.0.0.1", 65535)), ("[::1]:7", ("::1", 7))],
)
def test_an_address_is_split(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address, "It") == parts


@pytest.mark.parametrize(
    "address", ["", "host", "host:", ":80", "host:0", "host:65536", "host:x", "http://host:80"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(RunnerError, match=r"^The master must be HOST:PORT, not '"):
        split_address(address, "The master")


def test_one_of_several_that_answers_is_enough(silent: str) -> None:
    check_answers([f"localhost:{free_port()}", silent], "The master", "Start it.")


def test_where_none_answers_all_are_named() -> None:
    ports = [free_port(), free_port()]
    with pytest.raises(RunnerError) as caught:
        check_answers([f"localhost:{port}" for port in ports], "The master", "Start it.")
    reasons = "; ".join(f"localhost:{port}: Connection refused" for port in ports)
    assert str(caught.value) == f"The master does not answer ({reasons}). Start it."


def test_a_host_that_does_not_exist_is_told() -> None:
    with pytest.raises(RunnerError, match=r"^The master does not answer \(nowhere\.invalid:80: "):
        check_answers(["nowhere.invalid:80"], "The master", "Start it.")


def test_a_server_of_calls_is_told_from_what_hangs(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "_SECONDS", 0.5)
    with futures.ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)
        port = server.add_insecure_port("localhost:0")
        server.start()
        check_serves_calls(f"localhost:{port}", "The job server", "Start it.")
        server.stop(None).wait()
    with pytest.raises(RunnerError, match=rf"^The job server at {silent} hangs, or .* Start it\.$"):
        check_serves_calls(silent, "The job server", "Start it.")
