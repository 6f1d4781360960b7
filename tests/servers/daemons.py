"""Processes that serve for as long as a context lasts, and what they print."""

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

_SECONDS = 180.0


@contextmanager
def daemon(
    command: Sequence[str], log: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command, its output in ``log``; end it and what it started."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=dict(environment)
        )
    try:
        yield process
    finally:
        kill_family(process.pid)
        process.wait()


def kill_family(pid: int) -> None:
    """Kill (-9) a process and what it started, all at once as a machine dies."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def wait_for_line(log: Path, pattern: str) -> re.Match[str]:
    """Wait until a log matches."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found
        time.sleep(0.1)
    raise TimeoutError(f"{log} never said {pattern!r}:\n{log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
