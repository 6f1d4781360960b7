"""The assets that a job kept, as the jobs over a catalog take them.

A search for duplicates and a filter each leave a record, named by its commit, that names a list of
what is to be kept: whichever record is the newest says which list counts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import RunError, UsageError, WorkerError
from storage.digests import DigestFile
from storage.layout import DUPLICATES, FILTERS, KEEP
from storage.shared_files import local_copy
from storage.store import Store, open_store

# See storage.digests: a header of 16 bytes, then 16 a key.
_BYTES = 16
_COMMANDS = {DUPLICATES: "duplicates", FILTERS: "filter"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepList:
    """Which assets are to be done. Small: what workers need to find it.

    Attributes:
        out: the output of the job that kept them.
        path: of the list in it; the name holds a hash of the content.

    """

    out: str
    path: str


def find_keep_list(out: str) -> KeepList:
    """Find the newest keep-list of an output, and check that it is there as a whole.

    Raises:
        UsageError: it is not.
        RunError: the record that names it cannot be read.

    """
    store = open_store(out)
    records = [entry.path for folder in _COMMANDS for entry in store.entries(folder)]
    if not records:
        raise UsageError(
            f"{out} holds no keep-list. Make one: calumma duplicates CATALOG {out}, or calumma "
            f"filter CATALOG {out} with rules."
        )
    newest = max(records, key=_number)
    path, kept = _named(store, newest)
    sizes = {entry.path: entry.size for entry in store.entries(KEEP)}
    if sizes.get(path) != _BYTES + _BYTES * kept:
        damage = "is cut short" if path in sizes else "is missing"
        raise UsageError(
            f"The keep-list {out}/{path} {damage}. Make it again: calumma "
            f"{_COMMANDS[newest.partition('/')[0]]} CATALOG {out}."
        )
    return KeepList(out=out, path=path)


def open_keep_list(keep: KeepList) -> DigestFile:
    """Open a keep-list: memory-mapped where it lies, or fetched once a machine.

    Raises:
        WorkerError: it is not there any more, or not as a whole.

    """
    try:
        return DigestFile.map(local_copy(open_store(keep.out), keep.path))
    except FileNotFoundError:
        raise WorkerError(
            f"The keep-list {keep.out}/{keep.path} is not there: it was replaced since the run "
            "began, or lies where this worker cannot see it. Run the same command again."
        ) from None
    except ValueError:
        raise WorkerError(
            f"The keep-list {keep.out}/{keep.path} is cut short. Make it again with the command "
            f"that wrote {keep.out}."
        ) from None


def forget_keep_lists(store: Store) -> None:
    """Remove superseded lists: of each job the newest stays, and the one before.

    Another job may be working with the latter.
    """
    records = [
        path
        for folder in _COMMANDS
        for path in sorted(entry.path for entry in store.entries(folder))[-2:]
    ]
    wanted = {_named(store, path)[0] for path in records}
    for path in [entry.path for entry in store.entries(KEEP)]:
        if path not in wanted:
            store.delete(path)


def _named(store: Store, record: str) -> tuple[str, int]:
    """The list that a record names, and how many assets it has."""
    try:
        fields: Mapping[str, Any] = json.loads(store.get(record))
        return str(fields["keep_list"]), int(fields["kept"])
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{store.uri}/{record} cannot be read ({error}). The output was damaged or written by "
            "a newer version of Calumma: make the keep-list again in another folder."
        ) from error


def _number(record: str) -> str:
    return record.rpartition("/")[2]
