"""Merging shards at the end of a build: those that it made, and small ones of the nights before.

A search looks into every shard, so an index that gets one each night would become slower with every
night. As in a log-structured merge tree (O'Neil et al. 1996), a shard stays as it is while it holds
at least twice as many rows as all those behind it together; else it is merged with them. So there
are at most log3(rows of all / rows of a night) + 2 shards. A row is written anew at most log1.5 of
that ratio times, for its shard grows by half or more whenever it is merged.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from storage.index.ids import Rows
from storage.index.kinds import kind_of, load_trained
from storage.index.merge import merge_shards
from storage.index.removed import Removed
from storage.index_shards import (
    ROWS,
    SHARDS,
    ShardSize,
    fetch_shard,
    has_shard,
    put_shard,
    shard_name,
    shard_size,
)
from storage.index_store import name_of
from storage.store import Store
from storage.store.local import LocalStore

_TIMES = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Merged:
    """What merging leaves.

    Attributes:
        shards: folders, in the order of their rows.
        removed: rows of theirs that no search may find.

    """

    shards: tuple[str, ...]
    removed: Removed


def merge_newest(
    store: Store,
    trained: str,
    old: Sequence[str],
    new: Sequence[str],
    removed: Removed,
    scratch: Path,
) -> Merged:
    """Merge the shards of a build, and those before them that are not large beside them.

    What was merged stays where it is. HNSW shards, and those that store their vectors in another
    number format, stay apart.

    Args:
        trained: path of the index that all of them were built from.
        old: folders of the shards of the version before.
        new: folders of those of the build.
        removed: rows of both.
        scratch: where shards are fetched to that are not on this machine.

    """
    content = store.get(trained)
    if not new or kind_of(load_trained(content)) == "hnsw":
        return Merged(shards=(*old, *new), removed=removed)
    folders = (*old, *new)
    names = [shard_name(folder) for folder in folders]
    sizes = [shard_size(store, name) for name in names]
    first = first_to_merge(sizes, len(old))
    folders, names = folders[first:], names[first:]
    if len(folders) < 2:
        return Merged(shards=(*old, *new), removed=removed)
    name = name_of(*names)
    if not has_shard(store, name):
        sources = [fetch_shard(store, one, scratch) for one in names]
        target = scratch / SHARDS / name
        merge_shards(content, sources, target)
        _append_rows([source / ROWS for source in sources], target / ROWS)
        put_shard(store, name, target)
        # What is to be searched lies in the store, or else in scratch: nothing is there twice.
        for folder in [target] if isinstance(store, LocalStore) else sources:
            shutil.rmtree(folder)
    shards = (*old[:first], f"{SHARDS}/{name}")
    rows = {folder: removed.of(folder) for folder in old[:first]}
    rows[shards[-1]] = _joined(removed, folders, [size.count for size in sizes[first:]])
    return Merged(shards=shards, removed=Removed().also(rows))


def first_to_merge(sizes: Sequence[ShardSize], old: int) -> int:
    """The place of the first shard that is to be merged with all those behind it.

    Args:
        sizes: of the shards before the build, and then of its own.
        old: how many of them there were before. Those of the build are merged in any case.

    """
    first, behind = old, sum(size.count for size in sizes[old:])
    for place in reversed(range(old)):
        if sizes[place].stored_as != sizes[old].stored_as:
            break
        if sizes[place].count < _TIMES * behind:
            first = place
        behind += sizes[place].count
    return first


def _joined(removed: Removed, folders: Sequence[str], counts: Sequence[int]) -> Rows:
    """The removed rows of some shards, numbered as their rows are one after the other."""
    starts = np.cumsum([0, *counts]).tolist()
    parts = [removed.of(one) + start for one, start in zip(folders, starts, strict=False)]
    return np.concatenate(parts)


def _append_rows(sources: Sequence[Path], target: Path) -> None:
    with pa.OSFile(str(target), "wb") as file:
        writer = None
        for source in sources:
            with pa.memory_map(str(source)) as mapped:
                reader = pa.ipc.open_file(mapped)
                writer = writer or pa.ipc.new_file(file, reader.schema)
                for at in range(reader.num_record_batches):
                    writer.write_batch(reader.get_batch(at))
        assert writer is not None
        writer.close()
