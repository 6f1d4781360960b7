"""The shards of an index where it lies: written, weighed, fetched and deleted as wholes."""

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from storage.index.shard import RECORD
from storage.store import Store
from storage.store.local import LocalStore

SHARDS = "shards"
FAILURES = "failures"
ROWS = "rows.arrow"


def shard_name(folder: str) -> str:
    """The name of the shard of a folder, which is what versions of an index name."""
    return folder.removeprefix(f"{SHARDS}/")


def has_shard(store: Store, name: str) -> bool:
    """Whether a shard is there as a whole."""
    return store.exists(f"{SHARDS}/{name}/{RECORD}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSize:
    """How many vectors a shard holds, and in which number format they are stored."""

    count: int
    stored_as: str


def shard_size(store: Store, name: str) -> ShardSize:
    """The size of a shard, wherever it lies."""
    fields = json.loads(store.get(f"{SHARDS}/{name}/{RECORD}"))
    return ShardSize(count=int(fields["count"]), stored_as=str(fields["stored_as"]))


def failures_path(name: str) -> str:
    """The vectors that a shard could not take."""
    return f"{FAILURES}/{name}.parquet"


def failure_count(store: Store, name: str) -> int:
    """How many vectors a shard could not take."""
    path = failures_path(name)
    if not store.exists(path):
        return 0
    with store.open(path) as file:
        return int(pq.read_metadata(file).num_rows)


def put_shard(store: Store, name: str, folder: Path) -> None:
    """Upload a shard's files, the record last: it says that all are there."""
    names = sorted(path.name for path in folder.iterdir())
    for file in (*(one for one in names if one != RECORD), RECORD):
        store.put_file(f"{SHARDS}/{name}/{file}", folder / file)


def delete_shard(store: Store, name: str) -> None:
    """Delete a shard: the record first, so that what is left of it is not taken for all of it."""
    store.delete(f"{SHARDS}/{name}/{RECORD}")
    store.delete_folder(f"{SHARDS}/{name}")


def fetch_shard(store: Store, name: str, folder: Path) -> Path:
    """The folder of a shard on this machine: where it lies, or fetched into ``folder`` once.

    Raises:
        FileNotFoundError: it is not there as a whole.

    """
    if isinstance(store, LocalStore):
        return Path(store.uri) / SHARDS / name
    target = folder / SHARDS / name
    if not target.is_dir():
        if not has_shard(store, name):
            raise FileNotFoundError(f"{store.uri}/{SHARDS}/{name} is not there, or not all of it.")
        target.mkdir(parents=True)
        for entry in store.entries(f"{SHARDS}/{name}"):
            store.fetch(entry.path, target / entry.path.rpartition("/")[2])
    return target
