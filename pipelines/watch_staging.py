"""Counting a run's progress from its staging, for engines whose workers are other processes."""

import threading
import time
from contextlib import suppress

from storage.layout import stop_path
from storage.staged import StagedWork
from storage.store import Store
from storage.store.local import LocalStore
from transforms.settings import RunSettings
from transforms.stopping import StopWatch
from transforms.tally import Tally

_SECONDS_BETWEEN_LISTINGS = 2.0
# Each look lists the staging: of ten million rows some forty requests.
_SECONDS_BETWEEN_LISTINGS_OF_OBJECTS = 10.0


class StagingWatch:
    """Fills a tally with what is staged, and stops the run for all where too many rows fail.

    Each worker judges the failures that it sees; this sees those of all.
    """

    def __init__(self, store: Store, settings: RunSettings, tally: Tally) -> None:
        self._settings = settings
        self._tally = tally
        self._work = StagedWork(store, settings.run_id)
        self._stop = StopWatch(store, stop_path(settings.run_id))
        self._every = (
            _SECONDS_BETWEEN_LISTINGS
            if isinstance(store, LocalStore)
            else _SECONDS_BETWEEN_LISTINGS_OF_OBJECTS
        )
        self._looked = time.monotonic()
        self._looking: threading.Thread | None = None

    def look(self) -> None:
        """Look at the staging if it is time to, beside the thread that draws."""
        busy = self._looking is not None and self._looking.is_alive()
        if not busy and time.monotonic() - self._looked >= self._every:
            self._looked = time.monotonic()
            self._looking = threading.Thread(target=self._look, name="staging", daemon=True)
            self._looking.start()

    def _look(self) -> None:
        # A store that is away for a moment is the workers' concern.
        with suppress(OSError):
            self._work.look()
            self._count()
            if self._tally.too_many_failures(self._settings.max_failure_rate):
                self._stop.set("too many rows failed, over all workers")

    def _count(self) -> None:
        counts, tally = self._work.counts, self._tally
        with tally.lock:
            tally.planning_done = self._work.planned is not None
            tally.planned = self._work.planned or 0
            tally.passed = self._work.passed
            tally.rows_out, tally.skipped = counts.rows_out, counts.skipped
            tally.failed = self._work.failures_by_kind
            tally.unusual_pictures = self._work.unusual_pictures
            tally.answered = 0
