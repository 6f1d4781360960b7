"""Counting an index build's progress, for engines whose workers are other processes."""

from collections import Counter

from pipelines.watching import StoreWatch
from schemas.failure import FailureKind
from storage.index_builds import StagedBuild
from storage.index_store import committed_by
from storage.store import Store
from transforms.index_settings import IndexSettings


class BuildWatch(StoreWatch):
    """Counts what the workers of a build have written down."""

    def __init__(self, store: Store, settings: IndexSettings) -> None:
        super().__init__(store)
        self._settings = settings
        self._build = StagedBuild(store, settings.run_id)

    def is_finished(self) -> bool:
        """Whether the build has its version."""
        return committed_by(self._store, self._settings.index_upto + 1) == self._settings.run_id

    def count(self) -> None:
        """Read what is new."""
        self._build.look()
        built, tally = self._build.built, self.tally
        with tally.lock:
            tally.planning_done = self._build.planned is not None
            tally.planned = self._build.planned or 0
            tally.passed = built.rows
            tally.rows_out, tally.skipped = built.vectors, built.superseded
            tally.failed = Counter(
                {FailureKind.INVALID_ROW.value: built.failed} if built.failed else {}
            )
