"""Looking at a store now and then, for engines whose workers are other processes."""

import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress

from storage.store import Store
from storage.store.local import LocalStore
from transforms.tally import Tally

_SECONDS_BETWEEN_LISTINGS = 2.0
_SECONDS_BETWEEN_LISTINGS_OF_OBJECTS = 10.0
# A large staging takes long to list: looking at it may take a tenth of the time.
_LOOKS_LAST_A = 10.0
_SECONDS_FOR_THE_ENGINE = 60.0


class StoreWatch(ABC):
    """Fills a tally of its own with what workers leave in a store.

    Attributes:
        tally: what was there at the last look.

    """

    def __init__(self, store: Store) -> None:
        self.tally = Tally()
        self._store = store
        self._every = (
            _SECONDS_BETWEEN_LISTINGS
            if isinstance(store, LocalStore)
            else _SECONDS_BETWEEN_LISTINGS_OF_OBJECTS
        )
        self._next = time.monotonic() + self._every
        self._looking: threading.Thread | None = None
        self._finished_at: float | None = None

    @abstractmethod
    def is_finished(self) -> bool:
        """Whether nothing of the run is left to do."""

    @abstractmethod
    def count(self) -> None:
        """Read what is new, and fill the tally."""

    @property
    def is_over(self) -> bool:
        """Whether the run was finished a minute ago: whatever the engine still does is in vain."""
        finished = self._finished_at
        return finished is not None and time.monotonic() - finished > _SECONDS_FOR_THE_ENGINE

    def look(self) -> None:
        """Look at the store if it is time to, beside the thread that draws."""
        busy = self._looking is not None and self._looking.is_alive()
        if not busy and time.monotonic() >= self._next:
            self._looking = threading.Thread(target=self._look, name="watch", daemon=True)
            self._looking.start()

    def _look(self) -> None:
        started = time.monotonic()
        # A store that is away for a moment is the workers' concern.
        with suppress(OSError):
            if self._finished_at is None and self.is_finished():
                self._finished_at = time.monotonic()
            self.count()
        now = time.monotonic()
        self._next = now + max(self._every, (now - started) * _LOOKS_LAST_A)
