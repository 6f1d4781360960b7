"""How much is loaded ahead: a bound on the bytes of pictures that are ready."""

import threading


class Budget:
    """Lets pictures be loaded while those that are ready take less than a bound.

    The one that is needed next is always let through, or all would wait for it.

    Args:
        most: bytes.

    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._ready = 0
        self._needed = -1
        self._changed = threading.Condition()

    def has_room(self) -> bool:
        """Whether the pictures that are ready take less than the bound."""
        return self._ready < self._most

    def wait(self, number: int) -> None:
        """Wait until picture ``number`` may be loaded."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready < self._most or number <= self._needed)

    def add(self, size: int) -> None:
        """Count bytes that are ready, or with a negative size some that were given away."""
        with self._changed:
            self._ready += size
            self._changed.notify_all()

    def need(self, number: int) -> None:
        """Let all pictures up to this one through."""
        with self._changed:
            self._needed = number
            self._changed.notify_all()
