"""What a catalog is cut into, and what reading a cut gives."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.asset import Asset
from schemas.errors import RowError
from schemas.image_tokens import ImageTokens

ROWS_PER_SPLIT = 1000
"""About this many rows: the unit of parallelism, retry and progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFile:
    """One file of a catalog.

    Attributes:
        uri: where it is.
        identity: changes when the file's content does: its etag, or size and modification time.
        name: its path below the catalog's folder or a glob's fixed part.

    """

    uri: str
    identity: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRange:
    """A run of rows of one file: rows ``start`` to ``stop``, and the bytes they lie in.

    ``byte_start`` and ``byte_stop`` are zero in formats that find rows by number.
    """

    start: int
    stop: int
    byte_start: int = 0
    byte_stop: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The unit of work: a range of one file's rows. Small: it is what crosses a shuffle.

    Attributes:
        split_id: hash of what it covers: the same rows of the same file give the same id.
        offset: rows of the catalog before this split: the order of the catalog.
        file: the file.
        format: which reader reads it (see :mod:`storage.catalog.formats`).
        rows: the range.
        problem: why the file cannot be read, where it cannot: then the split is one row that fails.

    """

    split_id: str
    offset: int
    file: CatalogFile
    format: str
    rows: RowRange
    problem: str = ""

    @property
    def row_count(self) -> int:
        """Rows of the catalog in this split."""
        return self.rows.stop - self.rows.start


def split_digest(*parts: object) -> str:
    """Hash what a split covers: 24 hexadecimal digits."""
    return hashlib.blake2b("\x00".join(map(str, parts)).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRow:
    """One row as read: an asset, the picture's bytes where the catalog holds them, or a problem.

    Attributes:
        position: counted from the split's first row.
        tokens: the picture as codes, where the rows are those of a table of them.

    """

    position: int
    asset: Asset
    data: bytes | None = None
    problem: RowError | None = None
    tokens: ImageTokens | None = None


class RowBlock(Protocol):
    """A run of rows whose ids are known and whose rest is read only for those that are wanted."""

    @property
    def start(self) -> int:
        """Position of the first row, counted from the split's first row."""
        ...

    @property
    def ids(self) -> Sequence[str | None]:
        """The rows' asset ids, None where a row has none."""
        ...

    @property
    def versions(self) -> Sequence[str] | None:
        """The rows' content versions, None where no row has one."""
        ...

    def rows(self, wanted: Sequence[int], *, pictures: bool = True) -> Iterator[CatalogRow]:
        """Read some of the rows whole.

        Args:
            wanted: indices into ``ids``, ascending.
            pictures: whether with the pictures that the catalog itself holds. Rows without them
                may come with a problem that says so.

        """
        ...
