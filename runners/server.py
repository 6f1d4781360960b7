"""A server process beside the launcher: started, its output read, ended with the launcher."""

import contextlib
import re
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
_SECONDS_TO_END = 6.0


class Server:
    """A command that runs while this process does.

    Args:
        name: how messages call it.
        command: program and arguments.
        on_line: called with each line that it prints, from a thread.

    """

    def __init__(
        self, name: str, command: Sequence[str], on_line: Callable[[str], None] | None = None
    ) -> None:
        self.name = name
        self._on_line = on_line
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._news = threading.Condition()
        self._closing = False
        # A session of its own: Ctrl-C is the launcher's, which ends this in its turn.
        self._process = subprocess.Popen(
            [sys.executable, "-S", str(_SUPERVISOR), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._read, name=f"read {name}", daemon=True).start()

    def wait_for(self, pattern: str, seconds: float) -> re.Match[str]:
        """Wait until a line matches; give the match.

        Raises:
            RunnerError: it ended, or printed no such line in time.

        """
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                for line in self._lines:
                    if found := re.search(pattern, line):
                        return found
                if self._process.poll() is not None:
                    raise RunnerError(self.last_words())
                left = deadline - time.monotonic()
                if left <= 0:
                    raise RunnerError(
                        f"{self.name} did not get ready within {seconds:.0f} seconds. "
                        f"Its last line: {self._last_line()}"
                    )
                self._news.wait(min(left, 0.2))

    def ended(self) -> bool:
        """Whether it has ended without being asked to."""
        return not self._closing and self._process.poll() is not None

    def last_words(self) -> str:
        """A sentence about its end."""
        return (
            f"{self.name} ended with exit code {self._process.poll()}. "
            f"Its last line: {self._last_line()}"
        )

    def close(self) -> None:
        """End it; may be called again."""
        self._closing = True
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
            if self._on_line is not None:
                self._on_line(line)

    def _last_line(self) -> str:
        # A stack's frames say less than what was raised.
        said = [line.strip() for line in self._lines if line.strip()]
        telling = [line for line in said if not line.startswith(("at ", "... "))]
        return (telling or said or ["nothing"])[-1]
