"""Questions from a file, found by asset through an index on disk.

The index is an SQLite file: built once a run by its launcher, kept in the run's staging folder,
opened where it lies or fetched once a machine. SQLite is read by any number of processes.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.asset import Question
from storage.catalog.columns import id_text, plain_text
from storage.record_files import read_records

_COLUMNS = ("asset_id", "question", "question_id", "answers")
_SQLITE_VARIABLES = 500


def question_id_of(text: str) -> str:
    """The id of a question that has none: a hash of its text, 16 hexadecimal digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def build_question_index(uri: str, path: Path) -> int:
    """Read a questions file into a new index.

    Args:
        uri: Parquet, CSV or JSON lines with columns ``asset_id`` and ``question``, optionally
            ``question_id`` and ``answers`` (a text, or a list of texts).
        path: the index to write.

    Returns:
        The number of questions.

    Raises:
        CatalogError: the file is missing, unreadable or lacks a column.

    """
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        # A crash costs the index, which is built anew: no journal is needed.
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(
            "CREATE TABLE questions"
            " (row INTEGER PRIMARY KEY, asset_id TEXT, question_id TEXT, question TEXT,"
            " answers TEXT)"
        )
        connection.create_function("question_hash", 1, question_id_of, deterministic=True)
        rows = (_index_row(row, record) for row, record in enumerate(_records(uri)))
        connection.executemany("INSERT INTO questions VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("CREATE INDEX by_asset ON questions (asset_id)")
        _number_repeats(connection)
        connection.commit()
        (count,) = connection.execute("SELECT count(*) FROM questions").fetchone()
    finally:
        connection.close()
    return int(count)


class QuestionIndex:
    """An index as built by :func:`build_question_index`, opened for reading. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        # Beam may set a step up in one thread and run it in another.
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def find(self, asset_ids: Sequence[str | None]) -> dict[str, list[tuple[int, Question]]]:
        """Find the questions of some assets: (row of the file, question), in file order."""
        found: dict[str, list[tuple[int, Question]]] = {}
        wanted = sorted({asset_id for asset_id in asset_ids if asset_id is not None})
        for start in range(0, len(wanted), _SQLITE_VARIABLES):
            some = wanted[start : start + _SQLITE_VARIABLES]
            marks = ",".join("?" * len(some))
            rows = self._connection.execute(
                f"SELECT * FROM questions WHERE asset_id IN ({marks}) ORDER BY row",  # noqa: S608
                some,
            )
            for row, question in map(_question, rows):
                found.setdefault(question.asset_id, []).append((row, question))
        return found

    def all_rows_sum(self) -> int:
        """The sum of :func:`row_hash` over all questions, modulo 2**64."""
        rows = self._connection.execute("SELECT row FROM questions")
        return sum(row_hash(row) for (row,) in rows) % (1 << 64)

    def not_of(
        self, asset_ids: Iterable[str | None], scratch: Path
    ) -> Iterator[tuple[int, Question]]:
        """The questions whose asset is none of these, in file order.

        Args:
            asset_ids: the catalog's ids, in any order and number: they are kept on disk.
            scratch: a file that may be written and is left behind.

        """
        self._connection.execute("ATTACH DATABASE ? AS scratch", (str(scratch),))
        self._connection.execute("CREATE TABLE scratch.seen (asset_id TEXT PRIMARY KEY)")
        self._connection.executemany(
            "INSERT OR IGNORE INTO scratch.seen VALUES (?)",
            ((asset_id,) for asset_id in asset_ids if asset_id is not None),
        )
        rows = self._connection.execute(
            "SELECT * FROM questions WHERE asset_id IS NULL"
            " OR asset_id NOT IN (SELECT asset_id FROM scratch.seen) ORDER BY row"
        )
        yield from map(_question, rows)


def row_hash(row: int) -> int:
    """Hash a row number to 64 bits: sums of these tell sets of rows apart whatever their order."""
    return int.from_bytes(hashlib.blake2b(row.to_bytes(8, "big"), digest_size=8).digest(), "big")


def _number_repeats(connection: sqlite3.Connection) -> None:
    """Tell apart questions of one asset that have the same text and no id of their own."""
    repeats = connection.execute(
        "SELECT row, question_id || '-' || number FROM (SELECT row, question_id, row_number()"
        " OVER (PARTITION BY asset_id, question_id, question ORDER BY row) AS number"
        " FROM questions WHERE question_id = question_hash(question)) WHERE number > 1"
    )
    connection.executemany(
        "UPDATE questions SET question_id = ?2 WHERE row = ?1", repeats.fetchall()
    )


def _index_row(row: int, record: Mapping[str, Any]) -> tuple[int, str | None, str, str, str]:
    question = plain_text(record.get("question"))
    asset_id = id_text(record.get("asset_id")) if question else None
    question_id = id_text(record.get("question_id")) or question_id_of(question)
    answers = record.get("answers")
    if not isinstance(answers, (list, tuple)):
        answers = [answers]
    texts = [text for text in map(plain_text, answers) if text]
    return row, asset_id, question_id, question, json.dumps(texts)


def _question(row: tuple[int, str | None, str, str, str]) -> tuple[int, Question]:
    number, asset_id, question_id, question, answers = row
    return number, Question(
        asset_id=asset_id or "",
        question_id=question_id,
        question=question,
        answers=tuple(json.loads(answers)),
    )


def _records(uri: str) -> Iterator[Mapping[str, Any]]:
    return read_records(uri, "a questions file", needed=_COLUMNS[:2], wanted=_COLUMNS)
