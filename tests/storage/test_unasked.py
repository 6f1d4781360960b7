"""Questions that could not be asked: each is one failure row, once, and asked when it can be."""

import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from schemas.asset import Question
from schemas.failure import Failure
from storage import unasked
from storage.commit import commit_run
from storage.parts import SplitRecord, read_keys
from storage.runs import Run
from storage.store.local import LocalStore
from storage.unasked import stage_unasked
from tests.storage.rows import a_run


def question(asset_id: str, text: str, question_id: str = "q") -> Question:
    return Question(asset_id=asset_id, question=text, question_id=question_id)


def stage(
    store: LocalStore, run: Run, questions: Sequence[tuple[int, Question]]
) -> SplitRecord | None:
    return stage_unasked(store, run, questions, offset=7, version="0")


def failures(store: LocalStore, record: SplitRecord) -> list[Failure]:
    return [
        Failure(**row)
        for part in record.parts
        if "failures" in part.files
        for row in pq.read_table(io.BytesIO(store.get(part.files["failures"]))).to_pylist()
    ]


def test_nothing_is_staged_where_every_question_was_asked(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert stage(store, a_run(), []) is None
    assert list(store.entries("")) == []


def test_each_question_is_a_failure_that_says_what_to_do(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    record = stage(store, a_run(), [(2, question("gone", "what?")), (5, question("", "", "q5"))])
    assert record is not None
    assert (record.offset, record.row_count) == (7, 2)
    unknown, invalid = failures(store, record)
    assert (unknown.asset_id, unknown.question_id, unknown.kind) == ("gone", "q", "unknown_asset")
    assert "Row 3 of the questions file asks about 'gone'" in unknown.message
    assert (invalid.question_id, invalid.kind, invalid.retryable) == ("q5", "invalid_row", False)
    assert "Row 6 of the questions file lacks" in invalid.message
    (part,) = record.parts
    assert part.counts.balanced
    assert (part.counts.rows_in, part.counts.failed) == (2, 2)


def test_more_than_one_part_s_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unasked, "ROWS_PER_PART", 3)
    store = LocalStore(tmp_path)
    record = stage(store, a_run(), [(row, question(f"a{row}", "what?")) for row in range(8)])
    assert record is not None
    assert [(part.first, part.last) for part in record.parts] == [(0, 3), (3, 6), (6, 8)]
    assert [failure.asset_id for failure in failures(store, record)] == [f"a{n}" for n in range(8)]
    positions = [int(key["position"]) for part in record.parts for key in read_keys(store, part)]
    assert positions == list(range(8))


def test_questions_that_look_alike_are_rows_of_their_own(tmp_path: Path) -> None:
    """The commit would take rows of one identity for a doubled id."""
    store = LocalStore(tmp_path)
    alike = [
        question("gone", "what?"),
        question("gone", "who?"),
        question("gone", "what?", "q2"),
        question("gone too", "what?"),
        question("", ""),
        question("", ""),
    ]
    run = a_run()
    record = stage(store, run, list(enumerate(alike)))
    assert record is not None
    manifest = commit_run(store, run, [("unasked-questions", 7, 6)], [record])
    assert manifest.failures_by_kind == {"invalid_row": 2, "unknown_asset": 4}


def test_what_failed_before_is_skipped_unless_only_that_is_asked_for(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    run = a_run()
    first = stage(store, run, [(0, question("gone", "what?"))])
    assert first is not None
    commit_run(store, run, [("unasked-questions", 7, 1)], [first])
    again = [(0, question("gone", "what?")), (1, question("new", "what?"))]
    second = stage(store, a_run("r2", base=1), again)
    assert second is not None
    assert [failure.asset_id for failure in failures(store, second)] == ["new"]
    (part,) = second.parts
    assert (part.counts.rows_in, part.counts.failed, part.counts.skipped) == (2, 1, 1)
    third = stage(store, a_run("r3", base=1, only_failed=True), again)
    assert third is not None
    assert [failure.asset_id for failure in failures(store, third)] == ["gone"]
