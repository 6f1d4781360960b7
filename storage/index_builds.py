"""How far the build of an index is, as its workers write it down; gone once it is committed.

::

    INDEX/_builds/<run id>/plan.json        what is to be built
    INDEX/_builds/<run id>/<shard>.json     how much of a shard is built, written now and then
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from storage.index_shards import failure_count, has_shard, shard_size
from storage.store import Store

BUILDS = "_builds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Rows of a build that have ended: as vectors of the index, as failures, as superseded."""

    vectors: int = 0
    failed: int = 0
    superseded: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.vectors + self.failed + self.superseded


def stage_build(
    store: Store, run_id: str, *, rows: int, superseded: int, shards: Sequence[str]
) -> None:
    """Write down what a build is to do.

    Args:
        rows: of the embeddings, superseded ones included.
        shards: their names.

    """
    plan = {"rows": rows, "superseded": superseded, "shards": list(shards)}
    store.put(f"{BUILDS}/{run_id}/plan.json", json.dumps(plan).encode())


def stage_progress(store: Store, run_id: str, shard: str, built: Built) -> None:
    """Write down how much of a shard is built."""
    store.put(f"{BUILDS}/{run_id}/{shard}.json", json.dumps(asdict(built)).encode())


def forget_builds(store: Store) -> None:
    """Forget how far builds are: one has come to its end, and others have ended before."""
    store.delete_folder(BUILDS)


def is_under_way(store: Store, run_id: str) -> bool:
    """Whether a build was planned and has not come to its end."""
    return store.exists(f"{BUILDS}/{run_id}/plan.json")


class StagedBuild:
    """What is written down of a build; each look asks only about shards that were not finished.

    Attributes:
        planned: rows that it is to take in; None until that is known.
        built: what has ended.

    """

    def __init__(self, store: Store, run_id: str) -> None:
        self.planned: int | None = None
        self.built = Built()
        self._store = store
        self._folder = f"{BUILDS}/{run_id}"
        self._superseded = 0
        self._pending: list[str] = []
        self._finished: dict[str, Built] = {}

    def look(self) -> None:
        """Read what has come since the last look."""
        if self.planned is None:
            try:
                plan = json.loads(self._store.get(f"{self._folder}/plan.json"))
            except FileNotFoundError:
                return
            self.planned, self._superseded = plan["rows"], plan["superseded"]
            self._pending = list(plan["shards"])
        under_way = []
        for shard in tuple(self._pending):
            if has_shard(self._store, shard):
                # Shards go when they are merged: asked once, each stays counted.
                with suppress(FileNotFoundError):
                    self._finished[shard] = Built(
                        vectors=shard_size(self._store, shard).count,
                        failed=failure_count(self._store, shard),
                    )
                    self._pending.remove(shard)
                    continue
            with suppress(FileNotFoundError):
                fields = json.loads(self._store.get(f"{self._folder}/{shard}.json"))
                under_way.append(Built(**fields))
        all_built = [*self._finished.values(), *under_way]
        self.built = Built(
            vectors=sum(one.vectors for one in all_built),
            failed=sum(one.failed for one in all_built),
            superseded=self._superseded,
        )
