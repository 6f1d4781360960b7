"""Reading a split: its rows that are not done yet, with their pictures, in batches."""

import contextlib
import secrets
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam

from schemas.errors import CountMismatchError
from schemas.failure import Stage
from storage.catalog.read_blocks import check_unchanged, read_blocks, read_rows
from storage.catalog.split import CatalogRow, RowBlock, Split
from storage.keep_list import open_keep_list
from storage.layout import manifest_path, stop_path
from storage.load_images import ImageLoader, bytes_of
from storage.parts import choose_cover, staged_parts
from storage.picture_reader import Picture
from storage.questions import QuestionIndex
from storage.runs import Run
from storage.shared_files import local_copy
from storage.store import Store, open_store
from transforms.batching import BATCHES_PER_WINDOW, MAX_WINDOW_BYTES
from transforms.expand_rows import BlockTasks
from transforms.items import Closed, Item, Opened, Task, WindowClosed
from transforms.make_task import make_task
from transforms.row_expander import known_rows, row_expander
from transforms.settings import ReadSettings, RunSettings, WorkSettings
from transforms.stopping import StopWatch
from transforms.tally import tally_of
from transforms.worker_checks import check_catalog_here, check_worker


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    """A row to be loaded, and what is to be done about it."""

    row: CatalogRow
    block: BlockTasks
    tasks: range
    skipped_before: int
    sum_before: int


class ReadSplits(beam.DoFn):
    """Splits in, one list of items for each window out: see :mod:`transforms.items`."""

    def __init__(
        self, *, read: ReadSettings, work: WorkSettings, settings: RunSettings, run: Run
    ) -> None:
        self._read = read
        self._work = work
        self._settings = settings
        self._run = run

    def setup(self) -> None:
        """Open what all splits share."""
        self._store: Store = open_store(self._settings.out)
        check_worker(self._store, self._settings)
        self._loader = ImageLoader(self._read)
        self._index = None
        # Of a run that others have finished meanwhile, staging and index are gone.
        self._finished = StopWatch(self._store, manifest_path(self._run.run_id))
        if self._work.question_index and not self._finished.is_set():
            self._index = QuestionIndex(local_copy(self._store, self._work.question_index))
        self._expander = row_expander(
            self._work,
            fingerprint=bytes.fromhex(self._run.fingerprint),
            known=known_rows(self._work, self._store, upto=self._settings.known_upto),
            only_failed=self._run.only_failed,
            index=self._index,
            keep=[open_keep_list(keep) for keep in self._read.keep],
        )
        self._stop = StopWatch(self._store, stop_path(self._run.run_id))

    def teardown(self) -> None:
        """End threads and helper processes, and close the index."""
        self._loader.close()
        if self._index is not None:
            self._index.close()

    def process(self, split: Split) -> Iterator[Sequence[Item]]:
        """Read one split, behind what is staged of it."""
        parts = choose_cover(staged_parts(self._store, self._run.run_id, split.split_id))
        opened = Opened(split=split, attempt=secrets.token_hex(4), parts=parts)
        # A whole window is one list: the handler cuts it into batches, and encodes one while the
        # model works on another. A list that holds no task costs a tenth of a millisecond or two.
        items: list[Item] = [opened]
        if opened.first < split.row_count and not self._is_over():
            check_catalog_here(self._read.catalog)
            with contextlib.closing(self._windows(split, opened.first)) as windows:
                for tasks, closed in windows:
                    items += [*tasks, closed]
                    if closed.position < split.row_count:
                        yield items
                        items = []
                    if self._is_over():
                        break
        yield [*items, Closed()]

    def _is_over(self) -> bool:
        return tally_of(self._run.run_id).stopped or self._stop.is_set() or self._finished.is_set()

    def _windows(
        self, split: Split, first: int
    ) -> Generator[tuple[list[Task], WindowClosed], None, None]:
        """Collect the split's tasks into windows, in order."""
        rest = _Rest()
        folder = split.file.uri.rpartition("/")[0]
        ahead: deque[_Pending] = deque()

        def rows() -> Iterator[CatalogRow]:
            for pending in self._pending(split, first, rest):
                ahead.append(pending)
                yield pending.row
            rest.all_read = True

        tasks: list[Task] = []
        skipped = questions_sum = pixels = 0
        size = self._work.batch_size * BATCHES_PER_WINDOW
        for row, image, stage in self._loader.load(rows(), folder):
            pending = ahead.popleft()
            if pending.row is not row:
                raise CountMismatchError("Pictures came back in another order than their rows.")
            skipped += pending.skipped_before
            questions_sum += pending.sum_before
            tasks.extend(self._tasks(pending, row, image, stage))
            pixels += bytes_of(image)
            if len(tasks) >= size or pixels >= MAX_WINDOW_BYTES:
                check_unchanged(split)
                yield (
                    tasks,
                    WindowClosed(
                        position=row.position + 1,
                        tasks=len(tasks),
                        skipped=skipped,
                        questions_sum=questions_sum,
                    ),
                )
                tasks = []
                skipped = questions_sum = pixels = 0
        if ahead or not rest.all_read:
            raise CountMismatchError(
                f"Rows of {split.file.uri} were not given back by what loads their pictures."
            )
        check_unchanged(split)
        yield (
            tasks,
            WindowClosed(
                position=split.row_count,
                tasks=len(tasks),
                skipped=skipped + rest.skipped,
                questions_sum=questions_sum + rest.questions_sum,
            ),
        )

    def _pending(self, split: Split, first: int, rest: "_Rest") -> Iterator[_Pending]:
        """The rows from position ``first`` on that have tasks, in order."""
        for block in read_blocks(split, self._read.columns):
            if block.start + len(block.ids) <= first:
                continue
            expanded = self._expander.expand(split, block)
            sums = expanded.questions_sum or [0] * len(block.ids)
            wanted: dict[int, list[int]] = {}
            for number, task in enumerate(expanded.tasks):
                if block.start + task.index >= first:
                    wanted.setdefault(task.index, []).append(number)
            done = max(first - block.start, 0)
            for row in self._rows(split, block, expanded, list(wanted)):
                index = row.position - block.start
                rest.skipped += sum(expanded.skipped[done : index + 1])
                rest.questions_sum += sum(sums[done : index + 1])
                done = index + 1
                numbers = wanted[index]
                yield _Pending(
                    row=row,
                    block=expanded,
                    tasks=range(numbers[0], numbers[-1] + 1),
                    skipped_before=rest.skipped,
                    sum_before=rest.questions_sum,
                )
                rest.skipped = rest.questions_sum = 0
            rest.skipped += sum(expanded.skipped[done:])
            rest.questions_sum += sum(sums[done:])

    def _rows(
        self, split: Split, block: RowBlock, expanded: BlockTasks, wanted: Sequence[int]
    ) -> Iterator[CatalogRow]:
        """The rows that have tasks, with the pictures that the catalog holds if they are needed."""
        if expanded.rows and self._read.pictures == "none":
            return (expanded.rows[index] for index in wanted)
        return read_rows(split, block, wanted)

    def _tasks(
        self, pending: _Pending, row: CatalogRow, image: Picture, stage: Stage
    ) -> Iterator[Task]:
        for number in pending.tasks:
            task = pending.block.tasks[number]
            yield make_task(
                position=row.position,
                ordinal=task.ordinal,
                asset=row.asset,
                question=task.question,
                template=self._work.prompt,
                keys=pending.block.keys,
                key=task.key,
                image=image if task.problem is None else task.problem,
                stage=stage if task.problem is None else Stage.READ,
                request=task.request,
                tokens=row.tokens,
            )


@dataclass(slots=True)
class _Rest:
    """What was skipped since the last row that has tasks, and whether that was the last of all."""

    skipped: int = 0
    questions_sum: int = 0
    all_read: bool = False
