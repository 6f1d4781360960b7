"""Writing outcomes: windows put back in order, collected into parts, one record a split."""

import time
from collections.abc import Iterator

import apache_beam as beam

from models.source import is_embedded
from schemas.errors import CountMismatchError, RunError
from schemas.failure import Failure
from schemas.generated_image import GeneratedImage
from schemas.reconstruction import Reconstruction
from schemas.structure import Structure
from storage.decoding.thumbnail import make_thumbnail
from storage.layout import stop_path
from storage.part_writer import PartWriter
from storage.parts import Part, SplitRecord, sum_counts
from storage.sample import SAMPLE_FAILURES, SAMPLE_ROWS
from storage.store import Store, open_store
from transforms.items import Closed, Done, Opened, Outcome, Task, WindowClosed
from transforms.outcome_rows import Row, outcome_row, record_of
from transforms.settings import RunSettings, WorkSettings
from transforms.stopping import StopWatch
from transforms.tally import tally_of

_EMBEDDED_WORLD = (64, 64)
_WITH_PICTURE = (GeneratedImage, Reconstruction, Structure)


class WriteParts(beam.DoFn):
    """Items with outcomes in, split records out. Must be fused with the steps before it."""

    def __init__(self, *, work: WorkSettings, run: RunSettings) -> None:
        self._work = work
        self._run = run
        self._rows_sampled = 0
        self._failures_shown = 0

    def setup(self) -> None:
        """Open what all splits share."""
        self._store: Store = open_store(self._run.out)
        self._stop = StopWatch(self._store, stop_path(self._run.run_id))
        self._tally = tally_of(self._run.run_id)
        self._watch_world = is_embedded(self._work.source)

    def start_bundle(self) -> None:
        """Forget what a failed bundle left half done."""
        self._opened: Opened | None = None
        self._window: list[Outcome] = []
        self._parts: list[Part] = []

    def process(self, item: Done) -> Iterator[SplitRecord]:
        """Take one item; give the split's record when the split is closed."""
        if isinstance(item, Opened):
            self._open(item)
            return
        if self._opened is None:
            raise RunError(
                "The steps of the heavy stage were taken apart by the runner, and items "
                "arrive without their split. Remove resource hints from single steps."
            )
        if isinstance(item, Outcome):
            self._window.append(item)
        elif isinstance(item, WindowClosed):
            self._close_window(item)
        elif isinstance(item, Closed):
            split = self._opened.split
            self._flush()
            self._opened = None
            yield SplitRecord(
                split_id=split.split_id,
                offset=split.offset,
                row_count=split.row_count,
                parts=tuple(self._parts),
            )

    def _open(self, opened: Opened) -> None:
        self._opened = opened
        self._parts = list(opened.parts)
        self._window = []
        self._position = opened.first
        self._writer = PartWriter(
            store=self._store,
            run_id=self._run.run_id,
            split_id=opened.split.split_id,
            attempt=opened.attempt,
            first=opened.first,
            record=record_of(self._work),
            version=self._run.version,
            sample_below=self._sample_below,
        )
        staged = sum_counts(opened.parts)
        with self._tally.lock:
            if opened.split.split_id in self._tally.opened:
                return
            self._tally.opened.add(opened.split.split_id)
            self._tally.passed += opened.first
            self._tally.rows_out += staged.rows_out
            self._tally.skipped += staged.skipped
            for part in opened.parts:
                self._tally.failed.update(part.failures_by_kind)

    def _close_window(self, closed: WindowClosed) -> None:
        assert self._opened is not None
        if len(self._window) != closed.tasks:
            raise CountMismatchError(
                f"{closed.tasks} rows of {self._opened.split.file.uri} were handed to the model "
                f"and {len(self._window)} came back. Nothing of them was staged."
            )
        self._window.sort(key=lambda outcome: (outcome.task.position, outcome.task.ordinal))
        failed: list[str] = []
        unusual = 0
        for outcome in self._window:
            task = outcome.task
            row = outcome_row(outcome, self._work, self._opened.split.file.uri)
            if isinstance(row, Failure):
                failed.append(row.kind)
            image = task.image
            if self._watch_world and image and (image.height, image.width) != _EMBEDDED_WORLD:
                self._writer.note_unusual_picture()
                unusual += 1
            thumbnail = None
            # Pages take drawn pictures from their rows.
            if (
                not isinstance(row, GeneratedImage)
                and image is not None
                and self._is_shown(task, row)
            ):
                thumbnail = make_thumbnail(image.pixels)
            self._writer.add(
                position=task.position,
                identity=task.identity,
                second=task.second,
                row=row,
                thumbnail=thumbnail,
                picture_bytes=len(row.image) if isinstance(row, _WITH_PICTURE) else 0,
            )
        self._rows_sampled += len(self._window)
        self._writer.skip(closed.skipped, closed.questions_sum)
        with self._tally.lock:
            if self._window and self._tally.first_row is None:
                self._tally.first_row = time.monotonic()
            self._tally.answered -= sum(outcome.task.problem is None for outcome in self._window)
            self._tally.passed += closed.position - self._position
            self._tally.rows_out += len(self._window) - len(failed)
            self._tally.failed.update(failed)
            self._tally.skipped += closed.skipped
            self._tally.unusual_pictures += unusual
        self._position = closed.position
        self._window = []
        if self._writer.due:
            self._flush()
        self._judge()

    def _flush(self) -> None:
        part = self._writer.flush(self._position)
        if part is not None:
            self._parts.append(part)

    def _judge(self) -> None:
        """Stop the run, for all workers, once too many rows of this one fail."""
        rate = self._run.max_failure_rate
        if self._tally.too_many_failures(rate) and not self._stop.is_set():
            self._tally.stopped = True
            self._stop.set(f"more than {rate:.0%} of the rows failed")

    def _sample_below(self) -> int:
        """Thin the thumbnails as rows go by: about a thousand of a worker's rows have one."""
        if self._rows_sampled <= SAMPLE_ROWS:
            return 1 << 64
        return ((1 << 64) * SAMPLE_ROWS) // self._rows_sampled

    def _is_shown(self, task: Task, row: Row | Failure) -> bool:
        """Whether a row brings a thumbnail: a sample of the rows, the first of the failures."""
        if isinstance(row, Failure):
            self._failures_shown += 1
            return self._failures_shown <= SAMPLE_FAILURES
        return task.second < self._writer.sample_below
