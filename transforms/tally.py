"""Counts of this process, for the live progress and the failure limit.

The truth is in the staged parts; these are for looking at while a run goes on. Worker threads of
one process share one tally a run.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field

_ROWS_BEFORE_JUDGING = 100


@dataclass(slots=True)
class Tally:
    """What this process has seen of a run.

    Attributes:
        planned: rows of the catalog cut into splits so far.
        planning_done: whether ``planned`` is all of them.
        passed: rows of the catalog dealt with so far, staged before included.
        rows_out, skipped: rows by outcome; ``failed``: failures by kind.
        answered: rows that the model has answered and that are not yet among those.
        model_loads: how often a model was loaded; ``load_seconds``: and how long that took.
        model_seconds: time spent inside the model.
        first_row: when the first row had its outcome, in seconds of ``time.monotonic``.
        opened: splits that this process has begun; what was staged of one before counts once.
        unusual_pictures: pictures that are not of the embedded model's world.
        searching: whether the rows are committed and duplicates are looked for among all.
        parts_to_export: parts of the table whose pictures are to be written beside it, once all is
            committed; ``parts_exported``: those of them that are.
        stopped: whether this process found that too many rows fail.

    """

    planned: int = 0
    planning_done: bool = False
    passed: int = 0
    rows_out: int = 0
    answered: int = 0
    skipped: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    model_loads: int = 0
    load_seconds: float = 0.0
    model_seconds: float = 0.0
    first_row: float | None = None
    opened: set[str] = field(default_factory=set)
    unusual_pictures: int = 0
    searching: bool = False
    parts_to_export: int = 0
    parts_exported: int = 0
    stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def too_many_failures(self, max_failure_rate: float) -> bool:
        """Whether the failures exceed the limit; never before a hundred rows."""
        failures = sum(self.failed.values())
        rows = self.rows_out + failures
        return rows >= _ROWS_BEFORE_JUDGING and failures > max_failure_rate * rows


_tallies: dict[str, Tally] = {}
_tallies_lock = threading.Lock()


def tally_of(run_id: str) -> Tally:
    """This process's tally of a run."""
    with _tallies_lock:
        return _tallies.setdefault(run_id, Tally())


def begin_tally(run_id: str) -> Tally:
    """Count anew: a run that was stopped or failed may be gone on with in the same process."""
    with _tallies_lock:
        tally = _tallies[run_id] = Tally()
        return tally
