"""The rows that two evaluations both scored, side by side.

Both are parted by the rows' keys into files of this machine's disk, until two parts of the same
keys fit into memory together; then part is joined with part ("Grace" hash join, Kitsuregawa et al.
1983). So each is read once, and memory does not grow with the rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.arrow import arrow_schema
from schemas.errors import CatalogError
from schemas.score import RowScore
from storage.evaluation.evaluated import EvaluatedRun

_COLUMNS = (
    "key",
    "asset_id",
    "question_id",
    "text",
    "references",
    "metrics",
    "scores",
    "slices",
    "uri",
)
_ROWS_PER_PART = 50_000
_MOST_PARTS = 500
_ROWS_AT_ONCE = 512
_FIRST = 5

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Some rows of one evaluation.

    Attributes:
        texts: captions or answers.
        metrics: names of the scores.
        scores: float64 of shape (rows, metrics); NaN where a row has none.
        uris: of the pictures.

    """

    texts: list[str]
    metrics: tuple[str, ...]
    scores: NDArray[np.float64]
    uris: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRows:
    """Some rows that both evaluations have.

    Attributes:
        keys: uint64 of shape (rows,), the same hash of a row's ids that an evaluation draws by.
        asset_ids, question_ids: of each row.
        references: what both were compared with.
        slices: those that a row is in by both.

    """

    keys: NDArray[np.uint64]
    asset_ids: list[str]
    question_ids: list[str]
    references: list[list[str]]
    slices: list[list[str]]
    a: Side
    b: Side


@dataclass(slots=True)
class Unpaired:
    """Rows that only one of the two has; ``first`` names some of the lowest assets."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, asset_ids: Sequence[str]) -> None:
        """Take some in."""
        self.count += len(asset_ids)
        self.first = sorted({*self.first, *asset_ids})[:_FIRST]


class Pairs:
    """The rows of two evaluations, brought together.

    Args:
        a, b: the evaluations.
        folder: an empty one that may be filled, and is left behind.

    Attributes:
        rows: that both have.
        only_a, only_b: the others.

    Raises:
        CatalogError: a file cannot be read, no row is in both, or some have other references.

    """

    def __init__(self, a: EvaluatedRun, b: EvaluatedRun, folder: Path) -> None:
        self.rows = 0
        self.only_a, self.only_b = Unpaired(), Unpaired()
        parts = -(-max(a.rows, b.rows) // _ROWS_PER_PART)
        self._count = min(max(parts, 1), _MOST_PARTS)
        self._folder = folder
        for name, one in (("a", a), ("b", b)):
            self._part(name, one)
        self._check(a, b)

    def __iter__(self) -> Iterator[PairedRows]:
        """Some hundred rows at a time, in the order of their parts; it may be done again."""
        for number in range(self._count):
            a, b = self._read("a", number), self._read("b", number)
            of_a, of_b = _match(a, b)
            a, b = a.take(of_a), b.take(of_b)
            for start in range(0, len(a), _ROWS_AT_ONCE):
                yield _paired(a.slice(start, _ROWS_AT_ONCE), b.slice(start, _ROWS_AT_ONCE))

    def _part(self, name: str, one: EvaluatedRun) -> None:
        schema = arrow_schema(RowScore)
        schema = pa.schema([schema.field(column) for column in _COLUMNS])
        with ExitStack() as opened:
            files = [
                opened.enter_context(pa.ipc.new_file(str(self._path(name, number)), schema))
                for number in range(self._count)
            ]
            for batch in one.read(list(_COLUMNS)):
                places = _keys(batch["key"]) % np.uint64(self._count)
                for number in np.unique(places).tolist():
                    rows = batch.take(np.flatnonzero(places == number))
                    files[number].write_batch(rows)

    def _path(self, name: str, number: int) -> Path:
        return self._folder / f"{name}-{number:04d}.arrow"

    def _read(self, name: str, number: int) -> pa.Table:
        with pa.memory_map(str(self._path(name, number))) as file:
            return pa.ipc.open_file(file).read_all()

    def _check(self, a: EvaluatedRun, b: EvaluatedRun) -> None:
        others: list[str] = []
        for number in range(self._count):
            of_a, of_b = self._read("a", number), self._read("b", number)
            there, here = _match(of_a, of_b)
            self.rows += len(there)
            for unpaired, table, matched in (
                (self.only_a, of_a, there),
                (self.only_b, of_b, here),
            ):
                alone = np.setdiff1d(np.arange(len(table)), matched)
                unpaired.add(_values(table["asset_id"].take(alone)))
            first = of_a["references"].take(there)
            second = of_b["references"].take(here)
            if first.equals(second):
                continue
            ids = _values(of_a["asset_id"].take(there))
            pairs = zip(ids, _values(first), _values(second), strict=True)
            others += [one for one, some, more in pairs if sorted(some) != sorted(more)]
        if not self.rows:
            raise CatalogError(
                f"{a.uri} and {b.uri} have no row in common: assets begin with "
                f"{self.only_a.first[0]!r} in the one and with {self.only_b.first[0]!r} in the "
                "other. Evaluate results of the same assets and questions."
            )
        if others:
            named = ", ".join(map(repr, sorted(set(others))[:_FIRST]))
            raise CatalogError(
                f"{len(others):,} of {self.rows:,} rows were compared with other references in "
                f"{a.uri} than in {b.uri}, of {named}: their scores cannot be compared. Evaluate "
                "both by the same references."
            )


def _keys(column: Any) -> NDArray[np.uint64]:
    """The first words of rows' keys: hashes of their ids alone."""
    return np.array([int(key[:16], 16) for key in _values(column)], np.uint64)


def _values(column: Any) -> list[Any]:
    """The values of a column, of which none is null."""
    values: list[Any] = column.to_pylist()
    return values


def _match(a: pa.Table, b: pa.Table) -> tuple[Places, Places]:
    """Where the rows are that both have, in the order of the first."""
    places = {name: place for place, name in enumerate(_names(b))}
    found = [(place, places[name]) for place, name in enumerate(_names(a)) if name in places]
    both = np.array(found, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _names(table: pa.Table) -> Iterator[tuple[str, str]]:
    return zip(_values(table["asset_id"]), _values(table["question_id"]), strict=True)


def _paired(a: pa.Table, b: pa.Table) -> PairedRows:
    both = zip(_values(a["slices"]), _values(b["slices"]), strict=True)
    return PairedRows(
        keys=_keys(a["key"]),
        asset_ids=_values(a["asset_id"]),
        question_ids=_values(a["question_id"]),
        references=_values(a["references"]),
        slices=[[name for name in some if name in set(others)] for some, others in both],
        a=_side(a),
        b=_side(b),
    )


def _side(table: pa.Table) -> Side:
    rows = table.select(["metrics", "scores"]).to_pylist()
    metrics = tuple(rows[0]["metrics"])
    scores = [row["scores"] for row in rows]
    return Side(
        texts=_values(table["text"]),
        metrics=metrics,
        scores=np.array(scores, np.float64).reshape(len(rows), len(metrics)),
        uris=_values(table["uri"]),
    )
