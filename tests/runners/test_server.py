"""Servers beside the launcher: read, waited for, and never left behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from runners import server as server_module
from runners.errors import RunnerError
from runners.server import Server


@contextmanager
def a_server(script: str, **others: object) -> Iterator[Server]:
    """A shell script as a server."""
    server = Server("The shell", ["sh", "-c", script], **others)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.close()


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def pid_of(server: Server) -> int:
    """Of a script that prints its own."""
    return int(server.wait_for(r"^pid (\d+)", 20)[1])


def wait_for_end(server: Server) -> None:
    deadline = time.monotonic() + 20
    while not server.ended():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_line_is_waited_for_and_its_groups_given() -> None:
    lines: list[str] = []
    script = "echo starting; sleep 0.2; echo serving on localhost:1234; exec sleep 60"
    with a_server(script, on_line=lines.append) as server:
        found = server.wait_for(r"serving on (\w+):(\d+)", 20)
        assert found.groups() == ("localhost", "1234")
        assert not server.ended()
        # What was said before is found too.
        server.wait_for("starting", 20)
    assert lines == ["starting", "serving on localhost:1234"]


def test_what_is_no_text_is_read_all_the_same() -> None:
    with a_server("printf '\\377 ready\\n'; exec sleep 60") as server:
        server.wait_for("ready", 20)


def test_a_server_that_says_a_lot_is_read_on() -> None:
    with a_server("seq 1 200000; echo ready; exec sleep 60") as server:
        server.wait_for("^ready", 20)


def test_one_that_ends_is_quoted_without_its_stack() -> None:
    script = "echo Exception: no room; echo '  at java.lang.Thread.run'; echo '... 3 more'; exit 3"
    with a_server(script) as server:
        with pytest.raises(RunnerError) as caught:
            server.wait_for("ready", 20)
        said = "The shell ended with exit code 3. Its last line: Exception: no room"
        assert str(caught.value) == said
        assert server.ended()
        assert server.last_words() == said


def test_one_that_says_nothing_is_quoted_so() -> None:
    with a_server("exit 1") as server, pytest.raises(RunnerError, match=r"line: nothing$"):
        server.wait_for("ready", 20)


def test_a_long_last_line_is_cut() -> None:
    with a_server("head -c 100000 /dev/zero | tr '\\0' x; exit 1") as server:
        wait_for_end(server)
        assert len(server.last_words()) < 400


def test_one_that_was_killed_is_told_so() -> None:
    with a_server("echo pid $$; exec sleep 60") as server:
        os.kill(pid_of(server), signal.SIGKILL)
        wait_for_end(server)
        assert server.last_words().startswith("The shell was killed. ")


def test_one_that_is_not_ready_in_time_is_told_with_its_last_line() -> None:
    with (
        a_server("echo still loading; exec sleep 60") as server,
        pytest.raises(RunnerError, match=r"not get ready within 1 seconds.*: still loading$"),
    ):
        server.wait_for("ready", 1)


def test_closing_ends_it_and_is_no_end_to_be_told_of() -> None:
    with a_server("echo pid $$; exec sleep 60") as server:
        pid = pid_of(server)
        server.close()
        wait_until_gone(pid)
        assert not server.ended()
        server.close()


def test_its_folder_goes_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    (folder / "below").mkdir(parents=True)
    with a_server("echo ready; exec sleep 60", folder=folder) as server:
        server.wait_for("ready", 20)
        assert folder.is_dir()
        server.close()
        assert not folder.exists()


def test_one_that_will_not_end_is_killed() -> None:
    with a_server("trap '' TERM; echo pid $$; while :; do sleep 0.1; done") as server:
        pid = pid_of(server)
        server.close()
        wait_until_gone(pid)


def test_what_a_killed_supervisor_leaves_is_ended_too() -> None:
    with a_server("echo pid $$; exec sleep 60") as server:
        pid = pid_of(server)
        supervisor = psutil.Process(pid).parent()
        assert supervisor is not None
        supervisor.kill()
        wait_for_end(server)
        assert server.last_words().startswith("The shell was killed. ")
        server.close()
        wait_until_gone(pid)


def test_one_whose_supervisor_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_SECONDS_TO_END", 0.5)
    with a_server("echo pid $$; exec sleep 60") as server:
        pid = pid_of(server)
        supervisor = psutil.Process(pid).parent()
        assert supervisor is not None
        supervisor.suspend()
        server.close()
        wait_until_gone(pid)


def test_ctrl_c_does_not_reach_it() -> None:
    with a_server("echo pid $$; exec sleep 60") as server:
        assert os.getsid(pid_of(server)) != os.getsid(0)


STARTER = """
import sys, time
from pathlib import Path
from runners.server import Server
command = ["sh", "-c", "echo pid $$; exec sleep 60"]
server = Server("The shell", command, folder=Path(sys.argv[1]))
print(server.wait_for(r"^pid (\\d+)", 20)[1], flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_when_its_starter_is_killed(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    (folder / "below").mkdir(parents=True)
    command = [sys.executable, "-c", STARTER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        supervisor = psutil.Process(pid).parent()
        assert supervisor is not None
        starter.send_signal(number)
        wait_until_gone(pid)
        wait_until_gone(supervisor.pid)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill $$", 143)]
)
def test_a_supervisor_passes_on_how_it_ended(script: str, code: int) -> None:
    done = subprocess.Popen(
        [sys.executable, "-S", server_module._SUPERVISOR, "", "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with done:
        assert done.stdout is not None
        # Its standard input stays open: it ends all the same, without a word of its own.
        assert re.sub(r"\s", "", done.stdout.read()) == ""
    assert done.returncode == code
