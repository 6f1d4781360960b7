"""The assets that a search for duplicates kept, as the jobs over a catalog take them."""

from dataclasses import dataclass

from schemas.errors import UsageError, WorkerError
from storage.digests import DigestFile
from storage.duplicates.record import newest_record
from storage.layout import KEEP
from storage.shared_files import local_copy
from storage.store import open_store

# See storage.digests: a header of 16 bytes, then 16 a key.
_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepList:
    """Which assets are to be done. Small: what workers need to find it.

    Attributes:
        out: the output of the search for duplicates.
        path: of the list in it; the name holds a hash of the content.

    """

    out: str
    path: str


def find_keep_list(out: str) -> KeepList:
    """Find the newest keep-list of an output, and check that it is there as a whole.

    Raises:
        UsageError: it is not.

    """
    store = open_store(out)
    record = newest_record(store)
    if record is None:
        raise UsageError(f"{out} holds no keep-list. Make one: calumma duplicates CATALOG {out}.")
    sizes = {entry.path: entry.size for entry in store.entries(KEEP)}
    if sizes.get(record.keep_list) != _BYTES + _BYTES * record.kept:
        damage = "is cut short" if record.keep_list in sizes else "is missing"
        raise UsageError(
            f"The keep-list {out}/{record.keep_list} {damage}. Make it again: calumma duplicates "
            f"CATALOG {out}."
        )
    return KeepList(out=out, path=record.keep_list)


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
            f"The keep-list {keep.out}/{keep.path} is cut short. Make it again: calumma "
            f"duplicates CATALOG {keep.out}."
        ) from None
