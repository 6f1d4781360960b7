"""Objects that say that a run is over: a stop, by which one tells the others, or its manifest."""

import json
import time
from collections.abc import Callable

from storage.store import Store

_SECONDS_BETWEEN_LOOKS = 2.0


class StopWatch:
    """Looks for an object that ends a run, every two seconds at most."""

    def __init__(
        self, store: Store, path: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._path = path
        self._clock = clock
        self._looked = float("-inf")
        self._set = False

    def is_set(self) -> bool:
        """Whether the run is to stop."""
        now = self._clock()
        if not self._set and now - self._looked >= _SECONDS_BETWEEN_LOOKS:
            self._looked = now
            self._set = self._store.exists(self._path)
        return self._set

    def set(self, reason: str) -> None:
        """Tell all workers to stop."""
        self._store.put(self._path, json.dumps({"reason": reason}).encode())
        self._set = True
