"""Counting a run's progress from its staging, for engines whose workers are other processes."""

from collections.abc import Callable

from pipelines.watching import StoreWatch
from storage.export_plan import PictureFolders, count_unwritten
from storage.layout import manifest_path, stop_path
from storage.runs import Run
from storage.staged import StagedWork
from storage.store import Store
from transforms.settings import RunSettings
from transforms.stopping import StopWatch


class StagingWatch(StoreWatch):
    """Counts what is staged, and stops the run where too many rows fail.

    Each worker judges the failures that it sees; this sees those of all.

    Args:
        is_finished: whether all that comes with the commit is done; None where nothing does.

    """

    def __init__(
        self,
        store: Store,
        run: Run,
        settings: RunSettings,
        is_finished: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__(store)
        self._is_finished = is_finished or self._is_committed
        self._settings = settings
        self._table = run.table
        # Rows that are skipped leave no record, so only a first run can tell how much is left.
        self._nothing_skipped = run.base == 0
        self._work = StagedWork(store, settings.run_id)
        self._stop = StopWatch(store, stop_path(settings.run_id))

    def is_finished(self) -> bool:
        """Whether the run has its manifest, and what comes with it."""
        return self._is_finished()

    def _is_committed(self) -> bool:
        return self._store.exists(manifest_path(self._settings.run_id))

    def count(self) -> None:
        """Read the records that are new, judge the failures, and see what is written besides."""
        self._work.look()
        self._fill()
        failing = self.tally.too_many_failures(self._settings.max_failure_rate)
        if failing and not self._stop.is_set() and not self._is_committed():
            self._stop.set("too many rows failed, over all workers")
        if self._settings.folders != PictureFolders() and self._is_committed():
            left = count_unwritten(self._store, self._table, self._settings.folders)
            tally = self.tally
            tally.parts_to_export = max(tally.parts_to_export, left)
            tally.parts_exported = tally.parts_to_export - left

    def _fill(self) -> None:
        counts, tally = self._work.counts, self.tally
        with tally.lock:
            tally.planning_done = self._work.planned is not None and self._nothing_skipped
            tally.planned = self._work.planned or 0
            tally.passed = self._work.passed
            tally.rows_out, tally.skipped = counts.rows_out, counts.skipped
            tally.failed = self._work.failures_by_kind
            tally.unusual_pictures = self._work.unusual_pictures
