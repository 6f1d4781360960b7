"""From rows to tasks: what is done is left out and counted, what is asked is asked once."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.catalog.split import CatalogFile, CatalogRow, RowRange, Split
from storage.digests import DigestSet, sorted_digests
from storage.keys import asset_words, question_identity, row_identity, row_keys
from storage.known import KnownKeys
from storage.questions import QuestionIndex, build_question_index, question_id_of, row_hash
from tests.storage.rows import FINGERPRINT
from transforms.expand_rows import BlockTasks, RowExpander

SPLIT = Split(
    split_id="s",
    offset=0,
    file=CatalogFile(uri="c.csv", identity="i"),
    format="csv",
    rows=RowRange(start=100, stop=200),
)
QUESTIONS = (("q1", "what color?"), ("q2", "what shape?"))


@dataclass
class Block:
    ids: Sequence[str | None]
    versions: Sequence[str] | None = None
    start: int = field(default=10)

    def rows(self, wanted: Sequence[int], *, pictures: bool = True) -> Iterator[CatalogRow]:
        raise AssertionError("expanding reads ids only")


def digests(identities: Sequence[str], versions: Sequence[str] | None = None) -> DigestSet:
    keys = row_keys(identities, versions, FINGERPRINT)
    return DigestSet([sorted_digests(keys.identity[:, 0], keys.second)])


def known(
    done: Sequence[str] = (), failed: Sequence[str] = (), retry: Sequence[str] = ()
) -> KnownKeys:
    sets = [digests(ids) if ids else DigestSet([]) for ids in (done, failed, retry)]
    return KnownKeys(done=sets[0], failed=sets[1], retry=sets[2], doubled=DigestSet([]))


def expander(
    keys: KnownKeys | None = None,
    *,
    only_failed: bool = False,
    questions: Sequence[tuple[str, str]] = (),
    index: QuestionIndex | None = None,
    keep: Sequence[Sequence[str]] = (),
) -> RowExpander:
    return RowExpander(
        fingerprint=FINGERPRINT,
        known=keys or known(),
        only_failed=only_failed,
        questions=questions,
        index=index,
        keep=[sorted_digests(*asset_words(some).T) for some in keep],
    )


def asked(expanded: BlockTasks) -> list[tuple[int, int, str | None]]:
    return [
        (task.index, task.ordinal, task.question.question_id if task.question else None)
        for task in expanded.tasks
    ]


ids = st.lists(st.sampled_from([None, *"abcdefgh"]), max_size=12)
some = st.lists(st.sampled_from("abcdefgh"), unique=True)


@settings(deadline=None)
@given(ids, some, some, some, st.booleans())
def test_each_row_is_a_task_or_skipped(
    drawn: list[str | None], done: list[str], failed: list[str], retry: list[str], only: bool
) -> None:
    expanded = expander(known(done, failed, retry), only_failed=only).expand(SPLIT, Block(drawn))
    tasks = [task.index for task in expanded.tasks]
    assert tasks == sorted(set(tasks))
    if only:
        wanted = (set(failed) | set(retry)) - set(done)
    else:
        wanted = {*"abcdefgh", None} - set(done) - set(failed)
    assert tasks == [index for index, asset_id in enumerate(drawn) if asset_id in wanted]
    assert list(expanded.skipped) == [0 if index in tasks else 1 for index in range(len(drawn))]


@settings(deadline=None)
@given(ids, some, some)
def test_each_question_is_a_task_or_skipped(
    drawn: list[str | None], done: list[str], failed: list[str]
) -> None:
    keys = known(
        [question_identity(asset_id, "q1") for asset_id in done],
        [question_identity(asset_id, "q2") for asset_id in failed],
    )
    expanded = expander(keys, questions=QUESTIONS).expand(SPLIT, Block(drawn))
    expected: list[tuple[int, int, str | None]] = []
    for index, asset_id in enumerate(drawn):
        if asset_id is None:
            expected.append((index, 0, None))
            continue
        rest = ["q1"] * (asset_id not in done) + ["q2"] * (asset_id not in failed)
        expected += [(index, ordinal, question) for ordinal, question in enumerate(rest)]
        assert expanded.skipped[index] == 2 - len(rest)
    assert asked(expanded) == expected


@settings(deadline=None)
@given(ids, some, st.lists(some, min_size=1, max_size=3))
def test_what_is_not_to_be_kept_is_skipped_with_its_questions(
    drawn: list[str | None], done: list[str], keep: list[list[str]]
) -> None:
    on_all = set.intersection(*map(set, keep))
    wanted = {*on_all, None} - set(done)
    expanded = expander(known(done), keep=keep).expand(SPLIT, Block(drawn))
    expected = [index for index, asset_id in enumerate(drawn) if asset_id in wanted]
    assert [task.index for task in expanded.tasks] == expected
    assert list(expanded.skipped) == [int(index not in expected) for index in range(len(drawn))]
    expanded = expander(questions=QUESTIONS, keep=keep).expand(SPLIT, Block(drawn))
    kept = [name is None or name in on_all for name in drawn]
    assert list(expanded.skipped) == [0 if is_kept else 2 for is_kept in kept]
    assert len(expanded.tasks) == sum(
        (1 if name is None else 2) for name, is_kept in zip(drawn, kept, strict=True) if is_kept
    )


def test_a_task_s_key_is_its_own() -> None:
    expanded = expander(known(done=["b"])).expand(SPLIT, Block(["a", "b", "c"]))
    expected = row_keys(["a", "b", "c"], None, FINGERPRINT)
    assert [expanded.keys.hex(task.key) for task in expanded.tasks] == [
        expected.hex(0),
        expected.hex(2),
    ]


def test_a_new_version_of_a_done_row_is_a_task() -> None:
    keys = KnownKeys(
        done=digests(["a", "b"], ["1", "1"]),
        failed=DigestSet([]),
        retry=DigestSet([]),
        doubled=DigestSet([]),
    )
    expanded = expander(keys).expand(SPLIT, Block(["a", "b"], ["1", "2"]))
    assert [task.index for task in expanded.tasks] == [1]


def test_a_new_version_of_a_picture_is_asked_everything_again() -> None:
    identities = [question_identity("a", "q1"), question_identity("a", "q2")]
    keys = KnownKeys(
        done=digests(identities, ["1"] * 2),
        failed=DigestSet([]),
        retry=DigestSet([]),
        doubled=DigestSet([]),
    )
    for version, tasks in (("1", 0), ("2", 2)):
        expanded = expander(keys, questions=QUESTIONS).expand(SPLIT, Block(["a"], [version]))
        assert len(expanded.tasks) == tasks
        assert list(expanded.skipped) == [2 - tasks]


def test_rows_without_id_are_known_by_where_they_stand() -> None:
    place = row_identity("c.csv", 100 + 10 + 1)
    expanded = expander(known(failed=[place])).expand(SPLIT, Block([None, None, None]))
    assert [task.index for task in expanded.tasks] == [0, 2]
    again = expander(known(failed=[place]), only_failed=True).expand(SPLIT, Block([None] * 3))
    assert [task.index for task in again.tasks] == [1]


def test_a_row_without_id_is_asked_nothing_and_is_one_task() -> None:
    for questions in (QUESTIONS, QUESTIONS[:1]):
        expanded = expander(questions=questions).expand(SPLIT, Block([None]))
        assert asked(expanded) == [(0, 0, None)]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[QuestionIndex]:
    rows = [
        {"asset_id": "a", "question": "what color?"},
        {"asset_id": "b", "question": "what color?", "answers": ["red"]},
        {"asset_id": "a", "question": "what shape?", "question_id": "mine"},
        {"asset_id": "z", "question": "where is it?"},
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    build_question_index(str(path), tmp_path / "index.sqlite")
    index = QuestionIndex(tmp_path / "index.sqlite")
    yield index
    index.close()


def test_a_questions_file_asks_each_asset_its_own(index: QuestionIndex) -> None:
    expanded = expander(index=index).expand(SPLIT, Block(["b", "c", "a"]))
    color = question_id_of("what color?")
    assert asked(expanded) == [(0, 0, color), (2, 0, color), (2, 1, "mine")]
    assert [task.question.answers for task in expanded.tasks if task.question] == [("red",), (), ()]
    assert list(expanded.skipped) == [0, 0, 0]


def test_the_questions_met_add_up_whether_done_or_not(index: QuestionIndex) -> None:
    block = Block(["b", None, "a"])
    new = expander(index=index).expand(SPLIT, block)
    assert list(new.questions_sum) == [row_hash(1), 0, (row_hash(0) + row_hash(2)) % (1 << 64)]
    done = DigestSet([sorted_digests(new.keys.identity[:, 0], new.keys.second)])
    keys = KnownKeys(done=done, failed=DigestSet([]), retry=DigestSet([]), doubled=DigestSet([]))
    again = expander(keys, index=index).expand(SPLIT, block)
    assert again.tasks == ()
    assert list(again.skipped) == [1, 1, 2]
    assert list(again.questions_sum) == list(new.questions_sum)


def test_all_questions_met_give_the_file_s_sum(index: QuestionIndex) -> None:
    expanded = expander(index=index).expand(SPLIT, Block(["z", "b", "a", "nobody"]))
    assert sum(expanded.questions_sum) % (1 << 64) == index.all_rows_sum()
    missing = expander(index=index).expand(SPLIT, Block(["b", "a"]))
    assert sum(missing.questions_sum) % (1 << 64) != index.all_rows_sum()


def test_another_text_under_the_same_question_id_is_another_row(index: QuestionIndex) -> None:
    (task,) = expander(index=index).expand(SPLIT, Block(["b"])).tasks
    plain = row_keys([question_identity("b", question_id_of("what color?"))], None, FINGERPRINT)
    expanded = expander(index=index).expand(SPLIT, Block(["b"]))
    assert expanded.keys.hex(task.key) != plain.hex(0)


def test_an_empty_block_is_nothing(index: QuestionIndex) -> None:
    for made in (expander(), expander(questions=QUESTIONS), expander(index=index)):
        expanded = made.expand(SPLIT, Block([]))
        assert (expanded.tasks, list(expanded.skipped)) == ((), [])


def test_failures_that_stay_are_known_and_those_that_may_pass_are_tried() -> None:
    keys = known(failed=["a"], retry=["b"])
    assert [task.index for task in expander(keys).expand(SPLIT, Block(["a", "b"])).tasks] == [1]
    assert list(expander(keys).expand(SPLIT, Block(["a", "b"])).skipped) == [1, 0]
