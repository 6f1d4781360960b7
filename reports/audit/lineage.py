"""Licences of what results were made with: their assets' and those of neighbours shown beside."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from reports.audit.rows import column_of
from reports.keyed_sums import OTHERS
from schemas.asset import normal_license
from storage.catalog.columns import plain_text
from storage.values_by_id import ValuesById

COLUMNS = ("license", "shown_licenses", "neighbors")
_MOST_NAMES = 1000
_MOST_EXAMPLES = 10
_UNKNOWN = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What was found.

    Attributes:
        rows: audited rows; ``without``: those that say nothing of a picture or neighbour.
        missing: rows with an asset or neighbour of no known licence.
        refused: rows with one of a licence that is not allowed.
        allowed: the licences that are, as given; none if all are.
        licenses: rows by licence; the empty text is no known licence.
        examples: ids of the first rows of either, ``missing`` and ``refused``.
        unknown_ids: different ids looked up that the file of licences lacks, among the first
            hundred thousand; ``first_unknown``: some.

    """

    rows: int
    without: int
    missing: int
    refused: int
    allowed: tuple[str, ...]
    licenses: tuple[tuple[str, int], ...]
    examples: tuple[tuple[str, str], ...]
    unknown_ids: int
    first_unknown: tuple[str, ...]


@dataclass(slots=True)
class LicenceTally:
    """Counts rows by the licences they stand on.

    A drawn picture stands on the pictures that the model was shown, a text on its asset and its
    neighbours. Names are compared as the filter compares them.

    Args:
        allowed: licences; none if all that are known will do.
        known: licences by asset, for rows that do not say them.

    """

    allowed: tuple[str, ...]
    known: ValuesById | None
    _rows: int = 0
    _without: int = 0
    _missing: int = 0
    _refused: int = 0
    _names: Counter[str] = field(default_factory=Counter)
    _examples: list[tuple[str, str]] = field(default_factory=list)
    _unknown: set[str] = field(default_factory=set)
    _normal: frozenset[str] = frozenset()
    _spelled: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._normal = frozenset(map(normal_license, self.allowed))

    def add(self, ids: Sequence[str], batch: pa.RecordBatch) -> None:
        """Count some rows."""
        stands_on = self._stands_on(ids, batch)
        self._rows += len(ids)
        for asset_id, licenses in zip(ids, stands_on, strict=True):
            names = {self._spell(one) for one in licenses}
            self._without += not names
            for name in names:
                self._names[name if len(self._names) < _MOST_NAMES else OTHERS] += 1
            if _UNKNOWN in names:
                self._missing += 1
                self._example("missing", asset_id)
            named = {normal_license(name) for name in names if name != _UNKNOWN}
            if self._normal and not named <= self._normal:
                self._refused += 1
                self._example("refused", asset_id)

    def result(self) -> Lineage:
        """What was found."""
        return Lineage(
            rows=self._rows,
            without=self._without,
            missing=self._missing,
            refused=self._refused,
            allowed=self.allowed,
            licenses=tuple(self._names.most_common()),
            examples=tuple(self._examples),
            unknown_ids=len(self._unknown),
            first_unknown=tuple(sorted(self._unknown)[:5]),
        )

    def _stands_on(self, ids: Sequence[str], batch: pa.RecordBatch) -> list[list[str]]:
        """The licences of each row's material, empty texts where none is known."""
        shown = column_of(batch, "shown_licenses")
        if shown is not None:
            return [list(map(plain_text, some or ())) for some in shown]
        own = column_of(batch, "license")
        of_rows = [[plain_text(one)] for one in own] if own is not None else [[] for _ in ids]
        if self.known is None:
            return of_rows
        neighbors = column_of(batch, "neighbors") or [() for _ in ids]
        counts = [len(some or ()) for some in neighbors]
        flat = [str(one) for some in neighbors for one in some or ()]
        found = self._look_up([*ids, *flat])
        at = len(ids)
        for row, (licenses, count) in enumerate(zip(of_rows, counts, strict=True)):
            if not any(licenses):
                licenses[:] = [found[row]]
            licenses.extend(found[at : at + count])
            at += count
        return of_rows

    def _look_up(self, ids: Sequence[str]) -> list[str]:
        assert self.known is not None
        (found,) = self.known.find(ids).values()
        for name, value in zip(ids, found, strict=True):
            if value is None and len(self._unknown) < 100_000:
                self._unknown.add(name)
        return [value or _UNKNOWN for value in found]

    def _spell(self, name: str) -> str:
        """One spelling of those that count as the same name."""
        normal = normal_license(name)
        if len(self._spelled) < _MOST_NAMES:
            return self._spelled.setdefault(normal, name if normal else _UNKNOWN)
        return self._spelled.get(normal, name)

    def _example(self, what: str, asset_id: str) -> None:
        if sum(one == what for one, _ in self._examples) < _MOST_EXAMPLES:
            self._examples.append((what, asset_id))
