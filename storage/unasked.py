"""Questions that could not be asked, because the catalog lacks their asset or they lack a field."""

import itertools
import secrets
from collections.abc import Iterable, Iterator

import numpy as np

from schemas.asset import Question
from schemas.description import Answer
from schemas.failure import Failure, FailureKind, Stage
from storage.digests import Flags
from storage.keys import RowKeys, question_identity, row_keys
from storage.known import KnownKeys, load_known_keys
from storage.part_writer import ROWS_PER_PART, PartWriter
from storage.parts import Part, SplitRecord
from storage.runs import Run
from storage.store import Store

_SPLIT_ID = "unasked-questions"
# Another version than any of the asset's, so that the question is asked once the asset is there.
_VERSION = "\x00not in the catalog"


def stage_unasked(
    store: Store,
    run: Run,
    questions: Iterable[tuple[int, Question]],
    *,
    offset: int,
    version: str,
) -> SplitRecord | None:
    """Stage a failure for each question, known ones skipped, as a split of their own.

    Args:
        questions: (row of the questions file, question) in file order.
        offset: rows of the catalog.

    Returns:
        The split's record; None if there are no such questions.

    """
    known = load_known_keys(store, upto=run.base)
    writer = PartWriter(
        store=store,
        run_id=run.run_id,
        split_id=_SPLIT_ID,
        attempt=secrets.token_hex(4),
        first=0,
        record=Answer,
        version=version,
    )
    parts: list[Part] = []
    position = 0
    hashed = bytes.fromhex(run.fingerprint)
    for some, keys, to_do in _judged(questions, known, hashed, only_failed=run.only_failed):
        for index in np.flatnonzero(to_do).tolist():
            row, question = some[index]
            writer.add(
                position=position + index,
                identity=(int(keys.identity[index, 0]), int(keys.identity[index, 1])),
                second=int(keys.second[index]),
                row=_failure(keys.hex(index), row, question),
            )
        writer.skip(int((~to_do).sum()))
        position += len(some)
        part = writer.flush(position)
        if part is not None:
            parts.append(part)
    if not parts:
        return None
    return SplitRecord(split_id=_SPLIT_ID, offset=offset, row_count=position, parts=tuple(parts))


def count_unasked(
    questions: Iterable[tuple[int, Question]],
    known: KnownKeys,
    job_fingerprint: bytes,
    *,
    only_failed: bool,
) -> tuple[int, int]:
    """Count how many of these questions a run would fail, and how many it would skip as known."""
    failed = skipped = 0
    for _, _, to_do in _judged(questions, known, job_fingerprint, only_failed=only_failed):
        failed += int(to_do.sum())
        skipped += int((~to_do).sum())
    return failed, skipped


def _judged(
    questions: Iterable[tuple[int, Question]],
    known: KnownKeys,
    job_fingerprint: bytes,
    *,
    only_failed: bool,
) -> Iterator[tuple[list[tuple[int, Question]], RowKeys, Flags]]:
    """Questions a part at a time, with their keys and which of them are to be failed now."""
    remaining = iter(questions)
    while some := list(itertools.islice(remaining, ROWS_PER_PART)):
        identities = [_identity(row, question) for row, question in some]
        keys = row_keys(identities, [_VERSION] * len(some), job_fingerprint)
        yield some, keys, known.to_do(keys.identity[:, 0], keys.second, only_failed=only_failed)


def _identity(row: int, question: Question) -> str:
    # With the text, as where it is asked: two questions of an asset may have the same id.
    what = question.question if question.asset_id else str(row)
    return f"{question_identity(question.asset_id, question.question_id)}\x00{what}"


def _failure(key: str, row: int, question: Question) -> Failure:
    kind = FailureKind.UNKNOWN_ASSET
    message = (
        f"Row {row + 1} of the questions file asks about {question.asset_id!r}, which the catalog "
        "does not have. Correct the id, or add the asset."
    )
    if not question.asset_id:
        kind = FailureKind.INVALID_ROW
        message = f"Row {row + 1} of the questions file lacks its asset_id or its question."
    return Failure(
        key=key,
        asset_id=question.asset_id,
        question_id=question.question_id,
        stage=Stage.READ.value,
        kind=kind.value,
        message=message,
        retryable=kind.retryable,
        uri="",
        attributes="{}",
    )
