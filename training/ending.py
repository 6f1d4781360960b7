"""Ending a training early, at a place from which it can go on."""

import os
import signal
import threading
from types import FrameType

from schemas.errors import RunError


class EndedEarlyError(RunError):
    """A training was asked to end; its state is saved."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class EndRequest:
    """While it is entered, SIGINT and SIGTERM are kept for the loop; a second one ends at once.

    What is being saved then is lost, and what was saved before is whole.

    Attributes:
        number: of the signal that came; 0 while none did.

    """

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> "EndRequest":
        # Signals are the main thread's; who trains in another ends in a way of their own.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.number:
            os._exit(128 + number)
        self.number = number
