"""A lookup as one opens it: built by the first process of a machine, mapped by all."""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from schemas.errors import WorkerError
from storage.committed import CommittedRuns
from storage.lock import boot_id
from storage.lookup.arrays import Rows
from storage.lookup.build import LookupTable, build_lookup, read_card
from storage.lookup.columns import map_column
from storage.lookup.places import FoundRows, Places
from storage.shared_files import forget_old, machine_cache

_Record = TypeVar("_Record")

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Lookup:
    """Rows of a table by asset id, memory-mapped: all processes of a machine share one copy.

    Args:
        folder: holds the files.

    Raises:
        FileNotFoundError: they are gone.

    """

    def __init__(self, folder: Path) -> None:
        card = read_card(folder)
        self._places = Places(folder)
        self._columns = {name: map_column(folder, name, about) for name, about in card.items()}

    def __len__(self) -> int:
        """How many assets have rows."""
        return len(self._places)

    def rows(self, asset_ids: Sequence[str]) -> FoundRows:
        """Find the rows of some assets; thousands of ids a call are best."""
        return self._places.find(asset_ids)

    def take(self, column: str, rows: Rows) -> list[Any]:
        """Give a column's values of some rows.

        Args:
            column: its name.
            rows: int64 array of shape (rows,).

        Returns:
            One a row: str, int, tuple of str, or a read-only view of an array.

        """
        return self._columns[column].take(rows)

    def records(
        self, record: Callable[..., _Record], asset_ids: Sequence[str]
    ) -> dict[str, tuple[_Record, ...]]:
        """Give the rows of some assets as records, by their parts.

        Args:
            record: takes ``asset_id`` and each column by its name.

        Returns:
            By asset id; what has no rows is not in it.

        """
        asset_ids = list(dict.fromkeys(asset_ids))
        found = self.rows(asset_ids)
        names = list(self._columns)
        columns = [self.take(name, found.rows) for name in names]
        rows = list(zip(*columns, strict=True))
        starts = found.starts.tolist()
        return {
            asset_id: tuple(
                record(asset_id=asset_id, **dict(zip(names, row, strict=True)))
                for row in rows[start:end]
            )
            for asset_id, start, end in zip(asset_ids, starts[:-1], starts[1:], strict=True)
            if start < end
        }


def open_lookup(runs: CommittedRuns, table: LookupTable) -> Lookup:
    """Open the lookup of a table's committed rows; the first one on a machine builds it.

    It lies in the user's folder for such copies, under a name that says of which output, files and
    columns it is; a machine that was started anew makes its own. It is forgotten when nobody has
    opened it for days.

    Raises:
        CatalogError: files of the table are gone, or lack a column.
        WorkerError: there is no room for it on the disk.
        PermissionError: the folder for copies belongs to somebody else.

    """
    folder = machine_cache("calumma-lookups")
    target = folder / _name(runs, table)
    while True:
        if not target.exists():
            _build_once(target, runs, table)
        try:
            os.utime(target)
            return Lookup(target)
        except FileNotFoundError:
            continue  # forgotten by another process at this moment


def _name(runs: CommittedRuns, table: LookupTable) -> str:
    # The paths hold the ids of runs, which are never the same for other content. A copy that
    # was written before the machine lost its power may be there in name only.
    parts = [boot_id(), runs.uri, runs.table, *table.columns, "", *runs.paths]
    return hashlib.blake2b("\x00".join(parts).encode(), digest_size=16).hexdigest()


def _build_once(target: Path, runs: CommittedRuns, table: LookupTable) -> None:
    with _locked(target.with_suffix(".lock")):
        if target.exists():
            return
        forget_old(target.parent)
        for left in target.parent.glob(f"{target.name}.*.building"):
            shutil.rmtree(left, ignore_errors=True)  # whoever made it was killed: we have the lock
        building = Path(
            tempfile.mkdtemp(prefix=f"{target.name}.", suffix=".building", dir=target.parent)
        )
        try:
            build_lookup(building, runs, table)
            building.rename(target)
        except OSError as error:
            if error.errno in _FULL:
                raise WorkerError(
                    f"There is no room in {target.parent} on {socket.gethostname()} for a copy of "
                    f"the rows of {runs.uri}. Set TMPDIR to a folder on a larger disk."
                ) from error
            raise
        finally:
            shutil.rmtree(building, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock of the operating system, which a dead process cannot hold; wait for it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.utime(path)
        yield
