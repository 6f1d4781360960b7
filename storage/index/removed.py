"""Rows that are removed: they stay in their shard, and no search finds them.

Rows are listed, not ids: an id whose picture has changed is removed from an old shard and added in
a new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from storage.index.descriptions import FORMAT_VERSION, read_description, write_description
from storage.index.errors import IndexDamagedError
from storage.index.ids import Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Removed:
    """Removed rows by the name of their shard: sorted int64 arrays, each row once."""

    rows: Mapping[str, Rows] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows.values())

    def of(self, shard: str) -> Rows:
        """The removed rows of one shard."""
        return self.rows.get(shard, np.empty(0, np.int64))

    def also(self, more: Mapping[str, Rows]) -> "Removed":
        """These rows and others."""
        names = sorted({*self.rows, *more})
        rows = {
            name: np.union1d(self.of(name), more.get(name, np.empty(0, np.int64))).astype(np.int64)
            for name in names
        }
        return Removed(rows={name: some for name, some in rows.items() if len(some)})


def write_removed(path: Path, removed: Removed) -> None:
    """Write removed rows to a file."""
    rows = {name: some.tolist() for name, some in removed.rows.items()}
    write_description(path, {"format_version": FORMAT_VERSION, "rows": rows})


def read_removed(path: Path) -> Removed:
    """Read removed rows from a file.

    Raises:
        IndexDamagedError: it is missing, or not such a file.
        IndexMismatchError: it is of another format.

    """
    fields = read_description(path)
    try:
        rows = {name: np.array(some, np.int64) for name, some in fields["rows"].items()}
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise IndexDamagedError(f"{path} does not list removed rows.") from error
    return Removed().also(rows)
