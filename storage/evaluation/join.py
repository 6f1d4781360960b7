"""Results and references brought together in SQLite, on the planning machine's disk."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from storage.catalog.columns import plain_text
from storage.evaluation.references import Reference
from storage.evaluation.results import Result

_FIRST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """References of one row.

    Attributes:
        repeats: how many rows of the file beside the first name the same asset.
        columns: the file's columns to slice by, as texts.

    """

    texts: tuple[str, ...]
    repeats: int
    columns: Mapping[str, str]


class Join:
    """References by asset and question, and which of them were asked for.

    Args:
        path: a file that may be written and is left behind.
        slice_by: columns to keep.

    """

    def __init__(self, path: Path, slice_by: Sequence[str]) -> None:
        self._slice_by = slice_by
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(
            "CREATE TABLE refs (asset_id TEXT, question_id TEXT, texts TEXT, columns TEXT,"
            " repeats INTEGER, PRIMARY KEY (asset_id, question_id)) WITHOUT ROWID"
        )
        self._database.execute(
            "CREATE TABLE seen (asset_id TEXT, question_id TEXT,"
            " PRIMARY KEY (asset_id, question_id)) WITHOUT ROWID"
        )

    def __enter__(self) -> "Join":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._database.close()

    def add(self, references: Iterable[Reference]) -> set[str]:
        """Take references in; those without an asset's id belong to nothing.

        Returns:
            The columns to slice by that they have.

        """
        there: set[str] = set()

        def rows() -> Iterable[tuple[str, str, str, str]]:
            for one in references:
                columns = {
                    name: plain_text(one.columns[name])
                    for name in self._slice_by
                    if name in one.columns
                }
                there.update(columns)
                if one.asset_id is not None:
                    texts = json.dumps(one.texts)
                    yield one.asset_id, one.question_id, texts, json.dumps(columns)

        self._database.executemany(
            "INSERT INTO refs VALUES (?, ?, ?, ?, 0)"
            " ON CONFLICT DO UPDATE SET repeats = repeats + 1",
            rows(),
        )
        return there

    def is_first(self, result: Result) -> bool:
        """Whether no result before was of the same asset and question."""
        cursor = self._database.execute(
            "INSERT OR IGNORE INTO seen VALUES (?, ?)", (result.asset_id, result.question_id)
        )
        return cursor.rowcount == 1

    def find(self, result: Result) -> Found | None:
        """The references of a result; None if there are none."""
        row: tuple[Any, ...] | None = self._database.execute(
            "SELECT texts, columns, repeats FROM refs WHERE asset_id = ? AND question_id = ?",
            (result.asset_id, result.question_id),
        ).fetchone()
        if row is None:
            return None
        texts, columns, repeats = row
        return Found(texts=tuple(json.loads(texts)), repeats=repeats, columns=json.loads(columns))

    def unmatched(self) -> tuple[int, list[str]]:
        """How many references no result has asked for, and the first assets among them."""
        without = (
            "FROM refs WHERE NOT EXISTS (SELECT 1 FROM seen WHERE seen.asset_id = refs.asset_id"
            " AND seen.question_id = refs.question_id)"
        )
        (count,) = self._database.execute(f"SELECT count(*) {without}").fetchone()
        first = self._database.execute(
            f"SELECT DISTINCT asset_id {without} ORDER BY asset_id LIMIT {_FIRST}"
        )
        return int(count), [str(name) for (name,) in first]
