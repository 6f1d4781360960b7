"""References from a file: what captions, answers or neighbours are compared with."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress, islice
from typing import Any, Literal

from schemas.errors import CatalogError
from storage.catalog.columns import id_text, plain_text, reference_texts
from storage.catalog.json_columns import json_column
from storage.digests import DigestSet
from storage.forgotten import names_forgotten
from storage.questions import question_id_of
from storage.record_files import read_records

Kind = Literal["captions", "answers", "generations", "neighbors", "reconstructions", "tokens"]
"""What is evaluated, named as its table."""

_COLUMNS: Mapping[Kind, str] = {
    "captions": "references",
    "answers": "answers",
    "neighbors": "references",
}
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What one row of a result is compared with.

    Attributes:
        asset_id: None where the file's row has none.
        question_id: empty but for answers.
        texts: captions by people, the answers that count as right, or the ids of the assets that a
            query is to find; may be empty.
        columns: the file's other columns, to slice by.

    """

    asset_id: str | None
    question_id: str
    texts: tuple[str, ...]
    columns: Mapping[str, Any] = field(default_factory=dict)


def read_references(uri: str, kind: Kind) -> Iterator[Reference]:
    """Read a file of references: ``asset_id`` and a list ``references``, of texts for captions and
    of asset ids for neighbours, or, for answers, ``answers`` and ``question_id`` or ``question``.

    Args:
        uri: Parquet, CSV (lists as JSON) or JSON lines.
        kind: of results that they are for: captions, answers or neighbors.

    Raises:
        CatalogError: the file is missing, unreadable or lacks a column.

    """
    column = _COLUMNS[kind]
    for record in read_records(uri, "a file of references", needed=("asset_id", column)):
        question_id = ""
        if kind == "answers":
            question_id = question_id_in(record)
        yield Reference(
            asset_id=id_text(record.get("asset_id")),
            question_id=question_id,
            texts=_texts(record.get(column)),
            columns=record,
        )


def leave_out(references: Iterable[Reference], forgotten: DigestSet) -> Iterator[Reference]:
    """The references of assets that are not forgotten."""
    left = iter(references)
    while some := list(islice(left, _ROWS_AT_ONCE)):
        lost = names_forgotten([one.asset_id for one in some], forgotten)
        yield from compress(some, ~lost)


def kind_of(uri: str) -> Kind:
    """What a file of references is for, by its columns: captions if it has references.

    Raises:
        CatalogError: the file is missing, unreadable or has neither column.

    """
    first = next(read_records(uri, "a file of references", needed=("asset_id",)), None)
    if first is None:
        raise CatalogError(f"{uri} holds no references.")
    for kind, column in _COLUMNS.items():
        if column in first:
            return kind
    raise CatalogError(
        f"{uri} has no column references and no column answers; it has: {', '.join(first)}."
    )


def question_id_in(record: Mapping[str, Any]) -> str:
    """The id of a record's question, or what stands for it: a hash of its text; empty without."""
    question = plain_text(record.get("question"))
    return id_text(record.get("question_id")) or (question_id_of(question) if question else "")


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        # A list in a CSV file.
        try:
            value = json_column(value)
        except ValueError:
            return reference_texts(value)
    return tuple(text for text in reference_texts(value) if text.strip())
