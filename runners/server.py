"""A server process beside the launcher: started, its output read, ended with the launcher."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from runners.errors import RunnerError

_SUPERVISOR = Path(__file__).with_name("supervise.py")
_LINES_KEPT = 400
_LONGEST = 300
_SECONDS_TO_END = 6.0
_SECONDS_TO_READ = 1.0
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)


class Server:
    """A command that runs while this process does.

    Args:
        name: how messages call it.
        command: program and arguments.
        on_line: called with each line that it prints, from a thread.
        folder: one that is its own, and is removed when it has ended.

    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        on_line: Callable[[str], None] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self._on_line = on_line
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._news = threading.Condition()
        self._closing = False
        # A session of its own: Ctrl-C is the launcher's, which ends this in its turn.
        self._process = subprocess.Popen(
            [sys.executable, "-S", str(_SUPERVISOR), str(folder or ""), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"read {name}", daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str, seconds: float) -> re.Match[str]:
        """Wait until a line matches; give the match.

        Raises:
            RunnerError: it ended, or printed no such line in time.

        """
        deadline = time.monotonic() + seconds
        while True:
            # Asked before the lines are looked at: what it said last is among them then.
            over = self._over()
            with self._news:
                for line in self._lines:
                    if found := re.search(pattern, line):
                        return found
                if over:
                    break
                left = deadline - time.monotonic()
                if left <= 0:
                    raise RunnerError(
                        f"{self.name} did not get ready within {seconds:.0f} seconds. "
                        f"Its last line: {self._last_line()}"
                    )
                self._news.wait(min(left, 0.2))
        raise RunnerError(self.last_words())

    def ended(self) -> bool:
        """Whether it has ended without being asked to."""
        return not self._closing and self._process.poll() is not None

    def last_words(self) -> str:
        """A sentence about its end."""
        self._over()
        code = self._process.poll()
        end = "was killed" if code in _KILLED else f"ended with exit code {code}"
        return f"{self.name} {end}. Its last line: {self._last_line()}"

    def close(self) -> None:
        """End it; may be called again."""
        self._closing = True
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            orderly = self._process.wait(_SECONDS_TO_END) >= 0
        except subprocess.TimeoutExpired:
            orderly = False
        if not orderly:
            # The supervisor hangs or was killed; what it started is in its process group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._over()

    def _over(self) -> bool:
        """Whether it has ended; all that it said is read then."""
        if self._process.poll() is None:
            return False
        self._reader.join(_SECONDS_TO_READ)
        return True

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as said:
            for raw in said:
                line = raw.decode("utf-8", "replace").rstrip()
                with self._news:
                    self._lines.append(line)
                    self._news.notify_all()
                if self._on_line is not None:
                    self._on_line(line)

    def _last_line(self) -> str:
        # A stack's frames say less than what was raised.
        with self._news:
            said = [line.strip() for line in self._lines if line.strip()]
        telling = [line for line in said if not line.startswith(("at ", "... "))]
        return (telling or said or ["nothing"])[-1][:_LONGEST]
