"""How far a run is, from what its workers have staged."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from schemas.manifest import Counts
from storage.layout import plan_path, splits_folder
from storage.parallel import for_each
from storage.parts import Part, choose_cover, is_record, read_part, sum_counts
from storage.store import Store


class PlannedSplit(Protocol):
    """What a plan says of a split."""

    @property
    def split_id(self) -> str:
        """Its name."""

    @property
    def row_count(self) -> int:
        """How many rows it has."""


def stage_plan(store: Store, run_id: str, splits: Sequence[PlannedSplit]) -> None:
    """Write down what a session of the run is to do."""
    plan = {
        "rows": sum(split.row_count for split in splits),
        "splits": [split.split_id for split in splits],
    }
    store.put(plan_path(run_id), json.dumps(plan).encode())


def forget_plan(store: Store, run_id: str) -> None:
    """Forget what an earlier session was to do: the catalog may be another by now."""
    store.delete(plan_path(run_id))


class StagedWork:
    """What is staged of a run's plan; each look reads only what has come since the last.

    Nothing counts before the plan is there: earlier sessions may have staged splits of a catalog
    that was another then.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._seen: set[str] = set()
        self._parts: dict[str, list[Part]] = {}
        self._counted: list[Part] = []
        self._planned: int | None = None
        self._splits: frozenset[str] = frozenset()

    def look(self) -> None:
        """Read the records that are new. What a commit has moved away stays counted."""
        if self._planned is None:
            with suppress(FileNotFoundError):
                plan = json.loads(self._store.get(plan_path(self._run_id)))
                self._splits = frozenset(plan["splits"])
                self._planned = plan["rows"]
        if self._planned is not None:
            entries = self._store.entries(splits_folder(self._run_id))
            new = (
                entry.path
                for entry in entries
                if is_record(entry.path) and entry.path not in self._seen
            )
            try:
                for_each(self._store, self._read, new)
            finally:
                # Attempts of one split may overlap: each row counts once, as at the commit.
                self._counted = [
                    part for parts in self._parts.values() for part in choose_cover(parts)
                ]

    @property
    def planned(self) -> int | None:
        """Rows of the catalog; None while they are being counted."""
        return self._planned

    @property
    def passed(self) -> int:
        """Rows of the catalog dealt with."""
        return sum(part.last - part.first for part in self._counted)

    @property
    def counts(self) -> Counts:
        """Where the rows ended."""
        return sum_counts(self._counted)

    @property
    def failures_by_kind(self) -> Counter[str]:
        """Failed rows by kind."""
        kinds: Counter[str] = Counter()
        for part in self._counted:
            kinds.update(part.failures_by_kind)
        return kinds

    @property
    def unusual_pictures(self) -> int:
        """Pictures that are not of the embedded model's world."""
        return sum(part.unusual_pictures for part in self._counted)

    def _read(self, path: str) -> None:
        with suppress(FileNotFoundError):
            part = read_part(self._store, path)
            if part.split_id in self._splits:
                self._parts.setdefault(part.split_id, []).append(part)
            self._seen.add(path)
