"""From a block of catalog rows to the tasks that are to be done: which rows, asked what."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.asset import Question
from schemas.errors import RowError
from schemas.generation_request import GenerationRequest
from storage.catalog.split import CatalogRow, RowBlock, Split
from storage.digests import DigestFile, Flags
from storage.forgotten import names_forgotten
from storage.keys import RowKeys, asset_words, question_identity, row_identity, row_keys
from storage.known import KnownKeys
from storage.questions import QuestionIndex, row_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTask:
    """One thing to do about one row of a block.

    Attributes:
        index: of the row in its block.
        key: index into the block's keys.
        request: what the row asks, in a job that draws.
        problem: why it cannot be asked that.

    """

    index: int
    ordinal: int
    question: Question | None
    key: int
    request: GenerationRequest | None = None
    problem: RowError | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockTasks:
    """What is to be done about a block of rows.

    Attributes:
        tasks: in row order.
        skipped: of each row of the block, how many of its tasks were done before.
        questions_sum: of each row, the sum of its questions' hashes.
        rows: the block's rows, but for pictures that the catalog holds, where telling what is to
            be done took reading them; else none.

    """

    keys: RowKeys
    tasks: tuple[RowTask, ...]
    skipped: Sequence[int]
    questions_sum: Sequence[int]
    rows: Sequence[CatalogRow] = ()


def questions_about(
    asset_id: str, questions: Sequence[tuple[str, str]]
) -> Iterator[tuple[Question, str]]:
    """Ask one asset what every asset is asked: questions, and their rows' identities.

    Args:
        questions: as (question id, question) pairs.

    """
    for question_id, text in questions:
        question = Question(question_id=question_id, asset_id=asset_id, question=text)
        yield question, question_identity(asset_id, question_id)


class RowExpander:
    """Turns rows into tasks and leaves out what is done.

    Args:
        questions: asked of every picture, as (question id, question) pairs.
        index: questions of single pictures; None unless there is a questions file.
        keep: lists of the assets to do, by the words of their ids: what is on all of them is done.

    """

    def __init__(
        self,
        *,
        fingerprint: bytes,
        known: KnownKeys,
        only_failed: bool,
        questions: Sequence[tuple[str, str]] = (),
        index: QuestionIndex | None = None,
        keep: Sequence[DigestFile] = (),
    ) -> None:
        self._fingerprint = fingerprint
        self._known = known
        self._only_failed = only_failed
        self._questions = questions
        self._index = index
        self._keep = keep

    def expand(self, split: Split, block: RowBlock) -> BlockTasks:
        """Find the tasks of a block's rows."""
        if not self._questions and self._index is None:
            return self._expand_plain(split, block, block.versions)
        return self._expand_questions(split, block)

    def _expand_plain(
        self, split: Split, block: RowBlock, versions: Sequence[str] | None
    ) -> BlockTasks:
        first = split.rows.start + block.start
        identities = [
            row_identity(split.file.uri, first + index) if asset_id is None else asset_id
            for index, asset_id in enumerate(block.ids)
        ]
        keys = row_keys(identities, versions, self._fingerprint)
        to_do = self._to_do(keys) & self._kept(block.ids)
        tasks = tuple(
            RowTask(index=index, ordinal=0, question=None, key=index)
            for index in np.flatnonzero(to_do).tolist()
        )
        skipped = (~to_do).astype(np.int64).tolist()
        return BlockTasks(keys=keys, tasks=tasks, skipped=skipped, questions_sum=())

    def _expand_questions(self, split: Split, block: RowBlock) -> BlockTasks:
        candidates = list(self._ask(split, block))
        identities = [identity for _, _, _, identity in candidates]
        versions = None
        if block.versions is not None:
            versions = [block.versions[index] for index, _, _, _ in candidates]
        keys = row_keys(identities, versions, self._fingerprint)
        kept = self._kept(block.ids)[[index for index, _, _, _ in candidates]]
        to_do = self._to_do(keys) & kept
        skipped = [0] * len(block.ids)
        questions_sum = [0] * len(block.ids)
        ordinals = [0] * len(block.ids)
        tasks = []
        for key, (index, question, number, _) in enumerate(candidates):
            if number is not None:
                questions_sum[index] = (questions_sum[index] + row_hash(number)) % (1 << 64)
            if to_do[key]:
                ordinal = ordinals[index]
                tasks.append(RowTask(index=index, ordinal=ordinal, question=question, key=key))
                ordinals[index] += 1
            else:
                skipped[index] += 1
        return BlockTasks(
            keys=keys, tasks=tuple(tasks), skipped=skipped, questions_sum=questions_sum
        )

    def _ask(
        self, split: Split, block: RowBlock
    ) -> Iterator[tuple[int, Question | None, int | None, str]]:
        """What is asked: (row, question, its row in the questions file, identity).

        A row without id cannot be asked anything: it is one task, which fails.
        """
        found = self._index.find(block.ids) if self._index is not None else {}
        first = split.rows.start + block.start
        for index, asset_id in enumerate(block.ids):
            if asset_id is None:
                yield index, None, None, row_identity(split.file.uri, first + index)
                continue
            for question, identity in questions_about(asset_id, self._questions):
                yield index, question, None, identity
            for number, question in found.get(asset_id, ()):
                identity = question_identity(asset_id, question.question_id)
                yield index, question, number, f"{identity}\x00{question.question}"

    def _to_do(self, keys: RowKeys) -> Flags:
        return self._known.to_do(keys.identity[:, 0], keys.second, only_failed=self._only_failed)

    def _kept(self, ids: Sequence[str | None]) -> Flags:
        """Which rows of a block are to be kept: those without an id too, for they fail."""
        kept = ~names_forgotten(ids, self._known.forgotten)
        if self._keep:
            named = [index for index, name in enumerate(ids) if name is not None]
            words = asset_words([name for name in ids if name is not None])
            lists = [keep.contains(words[:, 0], words[:, 1]) for keep in self._keep]
            kept[named] &= np.logical_and.reduce(lists)
        return kept
