"""Measuring a process from inside: the most memory it held of its own."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_SECONDS_BETWEEN_LOOKS = 0.02


class PeakMemory:
    """The peak of this process's anonymous memory while it is entered.

    Anonymous memory is what a process holds of its own. Files that it maps are left out: the
    kernel keeps them as long as there is room, one copy for all processes, and takes them away
    when there is none.

    Attributes:
        mebibytes: the peak so far.

    """

    def __init__(self) -> None:
        self.mebibytes = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.mebibytes = max(self.mebibytes, anonymous_mebibytes())
            if self._ended.wait(_SECONDS_BETWEEN_LOOKS):
                return


def anonymous_mebibytes() -> float:
    """The anonymous memory of this process now (Linux only)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no RssAnon")
