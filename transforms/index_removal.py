"""Which rows of an index no search may find any more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from storage.index.ids import Rows
from storage.index.opened import OpenIndex, open_index
from storage.index.removed import Removed, read_removed
from storage.index.version import IndexVersion
from storage.index_shards import fetch_shard, shard_name
from storage.store import Store
from storage.store.local import LocalStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What a build removes.

    Attributes:
        rows: all that the new version removes.
        told: how many of the ids that were to be removed were there.

    """

    rows: Removed = field(default_factory=Removed)
    told: int = 0


def remove_rows(
    store: Store, version: IndexVersion, old: int, ids: Sequence[str], scratch: Path
) -> Removal:
    """Find the rows of ids that a newer shard has, or that are to be removed.

    Args:
        store: of the index.
        version: with the new shards, and the removed rows of the version before.
        old: how many of its shards were there before.
        ids: to be removed.
        scratch: where the version's files are fetched to, if they are not on this machine.

    """
    removed = Removed()
    if version.removed is not None:
        removed = read_removed(local_folder(store, version, scratch) / version.removed)
    added = old and len(version.shards) > old
    if not version.shards or not (ids or added):
        return Removal(rows=removed)
    index = opened_version(store, version, scratch)
    if added:
        newer = [
            name for shard in index.shards[old:] for name in shard.ids.take(np.arange(len(shard)))
        ]
        found = index.find(newer)
        removed = removed.also(
            {name: found[name] for name in version.shards[:old] if name in found}
        )
    gone = index.find(ids) if ids else {}
    return Removal(rows=removed.also(gone), told=_count(index, gone))


def any_found(store: Store, version: IndexVersion, ids: Sequence[str], scratch: Path) -> bool:
    """Whether a search of a version may find one of some ids."""
    if not ids or not version.shards:
        return False
    return bool(opened_version(store, version, scratch).find(ids))


def _count(index: OpenIndex, found: Mapping[str, Rows]) -> int:
    """How many ids some rows have: one that came again has a row in each of several shards."""
    return len(
        {
            name
            for shard in index.shards
            if shard.name in found
            for name in shard.ids.take(found[shard.name])
        }
    )


def opened_version(store: Store, version: IndexVersion, scratch: Path) -> OpenIndex:
    """Open a version, also before it is committed."""
    folder = local_folder(store, version, scratch)
    return open_index(folder, version, model=version.model, revision=version.revision)


def local_folder(store: Store, version: IndexVersion, scratch: Path) -> Path:
    """The folder of a version's files on this machine; what is not there is fetched."""
    if isinstance(store, LocalStore):
        return Path(store.uri)
    for name in version.shards:
        fetch_shard(store, shard_name(name), scratch)
    if version.removed is not None and not (scratch / version.removed).is_file():
        (scratch / version.removed).parent.mkdir(exist_ok=True)
        store.fetch(version.removed, scratch / version.removed)
    return scratch
