"""Counting a run's progress from its staging, for engines whose workers are other processes."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from storage.layout import manifest_path, stop_path
from storage.runs import Run
from storage.staged import StagedWork
from storage.store import Store
from storage.store.local import LocalStore
from transforms.settings import RunSettings
from transforms.stopping import StopWatch
from transforms.tally import Tally

_SECONDS_BETWEEN_LISTINGS = 2.0
_SECONDS_BETWEEN_LISTINGS_OF_OBJECTS = 10.0
# A large staging takes long to list: looking at it may take a tenth of the time.
_LOOKS_LAST_A = 10.0
_SECONDS_FOR_THE_ENGINE = 60.0


class StagingWatch:
    """Fills a tally of its own with what is staged, and stops the run where too many rows fail.

    Each worker judges the failures that it sees; this sees those of all.

    Args:
        is_finished: whether all that comes with the commit is done; None where nothing does.

    Attributes:
        tally: what was staged at the last look.

    """

    def __init__(
        self,
        store: Store,
        run: Run,
        settings: RunSettings,
        is_finished: Callable[[], bool] | None = None,
    ) -> None:
        self.tally = Tally()
        self._store = store
        self._settings = settings
        self._is_finished = is_finished or self._is_committed
        # Rows that are skipped leave no record, so only a first run can tell how much is left.
        self._nothing_skipped = run.base == 0
        self._work = StagedWork(store, settings.run_id)
        self._stop = StopWatch(store, stop_path(settings.run_id))
        self._every = (
            _SECONDS_BETWEEN_LISTINGS
            if isinstance(store, LocalStore)
            else _SECONDS_BETWEEN_LISTINGS_OF_OBJECTS
        )
        self._next = time.monotonic() + self._every
        self._looking: threading.Thread | None = None
        self._finished_at: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether the run was finished a minute ago: whatever the engine still does is in vain."""
        finished = self._finished_at
        return finished is not None and time.monotonic() - finished > _SECONDS_FOR_THE_ENGINE

    def look(self) -> None:
        """Look at the staging if it is time to, beside the thread that draws."""
        busy = self._looking is not None and self._looking.is_alive()
        if not busy and time.monotonic() >= self._next:
            self._looking = threading.Thread(target=self._look, name="staging", daemon=True)
            self._looking.start()

    def _look(self) -> None:
        started = time.monotonic()
        # A store that is away for a moment is the workers' concern.
        with suppress(OSError):
            if self._finished_at is None and self._is_finished():
                self._finished_at = time.monotonic()
            self._work.look()
            self._count()
            failing = self.tally.too_many_failures(self._settings.max_failure_rate)
            if failing and not self._stop.is_set() and not self._is_committed():
                self._stop.set("too many rows failed, over all workers")
        now = time.monotonic()
        self._next = now + max(self._every, (now - started) * _LOOKS_LAST_A)

    def _is_committed(self) -> bool:
        return self._store.exists(manifest_path(self._settings.run_id))

    def _count(self) -> None:
        counts, tally = self._work.counts, self.tally
        with tally.lock:
            tally.planning_done = self._work.planned is not None and self._nothing_skipped
            tally.planned = self._work.planned or 0
            tally.passed = self._work.passed
            tally.rows_out, tally.skipped = counts.rows_out, counts.skipped
            tally.failed = self._work.failures_by_kind
            tally.unusual_pictures = self._work.unusual_pictures
