"""Which group a row is in: by its own columns, its catalog's, or a file of the user's."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from reports.audit.rows import column_of
from schemas.errors import CatalogError, UsageError
from storage.catalog.columns import plain_text
from storage.values_by_id import SAMPLE, ValuesById

NO_VALUE = "(none)"
_MOST_UNMATCHED = 5


class Groups:
    """Tells the groups of rows, for each column that groups them.

    Args:
        by: the columns; with a file none for all of its columns.
        file: of asset ids and groups.

    Raises:
        UsageError: a column is named twice.

    """

    def __init__(self, by: Sequence[str], file: ValuesById | None) -> None:
        self._file = file
        self.by = tuple(by) or (file.columns if file is not None else ())
        if len(set(self.by)) < len(self.by):
            raise UsageError("A column to group by is given twice.")
        self._met: set[str] = set()
        self._seen: set[str] = set()
        self.sizes: dict[str, Counter[str]] = {name: Counter() for name in self.by}
        self.unmatched = 0
        self.first_unmatched: list[str] = []

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of results that are needed, where they are there."""
        if not self.by:
            return ()
        return ("attributes", "slices", *self.by, *((SAMPLE,) if self._file is not None else ()))

    def of(
        self, ids: Sequence[str], batch: pa.RecordBatch, *, counted: bool = True
    ) -> dict[str, list[str]]:
        """The groups of some rows, by column.

        Args:
            counted: whether the rows count among those of ``sizes``.

        """
        if not self.by:
            return {}
        if self._file is not None:
            found = self._file.find(ids, column_of(batch, SAMPLE))
            if counted:
                self._count_unmatched(ids, found[self.by[0]])
            groups = {name: [one or NO_VALUE for one in found[name]] for name in self.by}
            self._met.update(self.by)
        else:
            groups = self._own(batch)
        if counted:
            self.count(groups)
        return groups

    def count(self, groups: Mapping[str, Sequence[str]]) -> None:
        """Count rows of these groups among those of ``sizes``."""
        for name, some in groups.items():
            self.sizes[name].update(some)

    def check(self, rows: int) -> None:
        """Check that what was asked for was there.

        Raises:
            CatalogError: no row has such a column, or the file has none of the rows.

        """
        if self._file is not None and rows and self.unmatched >= rows:
            raise CatalogError(
                f"The file of groups has none of the {rows} rows: ids begin with "
                f"{self.first_unmatched[0]!r} in the results. Use the same ids in both."
            )
        missing = [name for name in self.by if name not in self._met]
        if rows and missing:
            known = ", ".join(sorted(self._seen)[:20]) or "none"
            raise CatalogError(
                f"No row has a column {missing[0]} to group by. The results have: {known}."
            )

    def _own(self, batch: pa.RecordBatch) -> dict[str, list[str]]:
        rows: list[dict[str, Any]] = [{} for _ in range(len(batch))]
        for row, text in zip(rows, column_of(batch, "attributes") or (), strict=False):
            row.update(_object(text))
        for row, slices in zip(rows, column_of(batch, "slices") or (), strict=False):
            for one in slices or ():
                name, _, value = str(one).partition("=")
                row.setdefault(name, value)
        for row in rows:
            self._seen.update(row)
        groups = {}
        for name in self.by:
            own = column_of(batch, name)
            values = own if own is not None else [row.get(name) for row in rows]
            if own is not None or any(name in row for row in rows):
                self._met.add(name)
            groups[name] = [plain_text(value) or NO_VALUE for value in values]
        return groups

    def _count_unmatched(self, ids: Sequence[str], values: Sequence[str | None]) -> None:
        for name, value in zip(ids, values, strict=True):
            if value is None:
                self.unmatched += 1
                if len(self.first_unmatched) < _MOST_UNMATCHED:
                    self.first_unmatched.append(name)


def _object(text: object) -> dict[str, Any]:
    try:
        found = json.loads(str(text))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
