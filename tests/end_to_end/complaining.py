"""The command line as a process of its own that must end in a sentence and leave nothing behind."""

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import psutil

SCRIPTS = Path(sysconfig.get_path("scripts"))
_SECONDS = 300.0
_MARK = "CALUMMA_TEST_MARK"


class Command:
    """A captioning job by the command line, in an environment of its own.

    Attributes:
        out: the output.

    """

    def __init__(self, pictures: Path, out: Path, *options: object, **variables: str) -> None:
        self.out = out
        self._mark = secrets.token_hex(8)
        self._process = subprocess.Popen(
            [str(SCRIPTS / "calumma"), "caption", str(pictures), str(out), *map(str, options)],
            env={**os.environ, **variables, _MARK: self._mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def started(self) -> list[psutil.Process]:
        """The command's process and all that it has started, whoever their parents are now."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                gone = process.status() == psutil.STATUS_ZOMBIE
                if not gone and process.environ().get(_MARK) == self._mark:
                    found.append(process)
        return found

    def kill(self, program: str) -> None:
        """Kill a program that it has started."""
        (found,) = [one for one in self.started() if one.name() == program]
        found.kill()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self, code: int) -> list[str]:
        """Wait for the command's end, which must be as it should; give the lines that it told."""
        try:
            said, told = self._process.communicate(timeout=_SECONDS)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.communicate()
        assert self._process.returncode == code, told
        assert said == ""
        wait_until(lambda: not self.started())
        # Which run it is and how far, in a line each: no traceback of anybody.
        lines = told.splitlines()
        return [line for line in lines if not re.match(r"(Run|Going on with) \S+$|\d.*: ", line)]

    def complaint(self, code: int) -> str:
        """Wait for the command's end; give the one line that it complains in."""
        lines = self.end(code)
        assert len(lines) == 1, lines
        (told,) = lines
        assert self.out.exists() == (code == 1)
        assert told.startswith("calumma: ")
        return told.removeprefix("calumma: ")


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def a_program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path
