"""How far a run is, from what its workers have staged."""

import json
from collections import Counter
from contextlib import suppress

from schemas.manifest import Counts
from storage.layout import plan_path, splits_folder
from storage.parts import Part, choose_cover, is_record, read_part, sum_counts
from storage.store import Store


def stage_plan(store: Store, run_id: str, rows: int) -> None:
    """Write down how many rows the run's catalog has."""
    store.put(plan_path(run_id), json.dumps({"rows": rows}).encode())


class StagedWork:
    """What is staged of a run; each look reads only what has come since the last."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._seen: set[str] = set()
        self._parts: dict[str, list[Part]] = {}
        self._covers: dict[str, tuple[Part, ...]] = {}
        self._planned: int | None = None

    def look(self) -> None:
        """Read the records that are new. What a commit has moved away stays counted."""
        if self._planned is None:
            with suppress(FileNotFoundError):
                self._planned = json.loads(self._store.get(plan_path(self._run_id)))["rows"]
        changed = set()
        for entry in self._store.entries(splits_folder(self._run_id)):
            if entry.path in self._seen or not is_record(entry.path):
                continue
            with suppress(FileNotFoundError):
                part = read_part(self._store, entry.path)
                self._parts.setdefault(part.split_id, []).append(part)
                self._seen.add(entry.path)
                changed.add(part.split_id)
        for split_id in changed:
            # Attempts of one split may overlap: each row counts once, as at the commit.
            self._covers[split_id] = choose_cover(self._parts[split_id])

    @property
    def planned(self) -> int | None:
        """Rows of the catalog; None while they are being counted."""
        return self._planned

    @property
    def passed(self) -> int:
        """Rows of the catalog dealt with."""
        return sum(part.last - part.first for part in self._all())

    @property
    def counts(self) -> Counts:
        """Where the rows ended."""
        return sum_counts(self._all())

    @property
    def failures_by_kind(self) -> Counter[str]:
        """Failed rows by kind."""
        kinds: Counter[str] = Counter()
        for part in self._all():
            kinds.update(part.failures_by_kind)
        return kinds

    @property
    def unusual_pictures(self) -> int:
        """Pictures that are not of the embedded model's world."""
        return sum(part.unusual_pictures for part in self._all())

    def _all(self) -> list[Part]:
        return [part for cover in self._covers.values() for part in cover]
