"""The commit as a Beam step: it may run any number of times."""

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import apache_beam as beam

from schemas.manifest import RunManifest
from storage.catalog.read_blocks import check_unchanged, read_blocks
from storage.catalog.split import Split
from storage.commit import commit_run
from storage.commit_record import read_manifest
from storage.layout import stop_path
from storage.parts import SplitRecord, choose_cover
from storage.questions import QuestionIndex
from storage.runs import Run
from storage.shared_files import local_copy
from storage.store import Store, open_store
from storage.unasked import stage_unasked
from transforms.plan_splits import Plan
from transforms.settings import ReadSettings, RunSettings, WorkSettings


class CommitRun(beam.DoFn):
    """All split records and the plan in, the manifest out."""

    def __init__(
        self, *, read: ReadSettings, work: WorkSettings, settings: RunSettings, run: Run
    ) -> None:
        self._read = read
        self._work = work
        self._settings = settings
        self._run = run

    def process(self, grouped: tuple[None, Iterable[SplitRecord | Plan]]) -> Iterator[RunManifest]:
        """Commit the run."""
        records: list[SplitRecord] = []
        splits: tuple[Split, ...] = ()
        for item in grouped[1]:
            if isinstance(item, Plan):
                splits = item.splits
            else:
                records.append(item)
        planned = [(split.split_id, split.offset, split.row_count) for split in splits]
        store = open_store(self._settings.out)
        finished = read_manifest(store, self._run.run_id)
        if finished is None and self._work.question_index and self._read.limit is None:
            unasked = self._unasked(store, splits, records)
            if unasked is not None:
                records.append(unasked)
                planned.append((unasked.split_id, unasked.offset, unasked.row_count))
        yield commit_run(store, self._run, planned, records)

    def _unasked(
        self, store: Store, splits: Sequence[Split], records: list[SplitRecord]
    ) -> SplitRecord | None:
        """Fail the questions whose asset the catalog does not have; None if there are none.

        Every question met is in a sum that does not depend on order. Where it is the sum over the
        whole file, and it nearly always is, nothing is left; else the ids are read once more.
        """
        if store.exists(stop_path(self._run.run_id)):
            return None
        index = QuestionIndex(local_copy(store, self._work.question_index))
        with contextlib.closing(index):
            return self._stage_unasked(store, index, splits, records)

    def _stage_unasked(
        self,
        store: Store,
        index: QuestionIndex,
        splits: Sequence[Split],
        records: list[SplitRecord],
    ) -> SplitRecord | None:
        covers = {record.split_id: choose_cover(record.parts) for record in records}
        met = sum(part.questions_sum for cover in covers.values() for part in cover) % (1 << 64)
        if met == index.all_rows_sum():
            return None
        with tempfile.TemporaryDirectory() as scratch:
            questions = index.not_of(self._asset_ids(splits), Path(scratch) / "seen.sqlite")
            offset = sum(record.row_count for record in records)
            return stage_unasked(
                store, self._run, questions, offset=offset, version=self._settings.version
            )

    def _asset_ids(self, splits: Sequence[Split]) -> Iterator[str | None]:
        for split in splits:
            for block in read_blocks(split, self._read.columns):
                yield from block.ids
            check_unchanged(split)
