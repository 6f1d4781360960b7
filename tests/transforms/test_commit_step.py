"""The commit as a Beam step: run twice it commits once; questions of no asset are failures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from schemas.errors import CountMismatchError
from schemas.manifest import Counts, RunManifest
from storage.catalog.split import Split
from storage.commit_record import last_commit
from storage.layout import COMMITS, manifest_path, stop_path
from storage.parts import Part, SplitRecord, choose_cover, staged_parts
from storage.questions import build_question_index
from storage.runs import Run, stage_run
from storage.store.local import LocalStore
from tests.storage.rows import a_run
from tests.transforms.work import (
    a_catalog,
    a_problem,
    a_task,
    an_outcome,
    describe_settings,
    read_settings,
    run_settings,
    splits_of,
)
from transforms.commit import CommitRun
from transforms.items import Closed, Done, Opened, WindowClosed
from transforms.plan_splits import Plan
from transforms.read_splits import ReadSplits
from transforms.tally import tally_of
from transforms.write_parts import WriteParts


class Job:
    """A catalog, an output, and the steps before the commit done by hand."""

    def __init__(self, folder: Path, run: Run, ids: Sequence[str], **describe: Any) -> None:
        self.out = folder / "out"
        self.store = LocalStore(self.out)
        self.run = run
        stage_run(self.store, run)
        catalog = a_catalog(folder / "c.parquet", ids, ["/nowhere"] * len(ids))
        self.settings = run_settings(self.out, run.run_id, max_failure_rate=1.0)
        self.read = read_settings(catalog)
        self.describe = describe_settings(**describe)
        self.splits = splits_of(catalog)

    def record(self, split: Split) -> SplitRecord:
        step = WriteParts(work=self.describe, run=self.settings)
        step.setup()
        step.start_bundle()
        count = split.row_count
        outcomes = [
            an_outcome(a_task(at, problem=a_problem() if at % 3 == 2 else None))
            for at in range(count)
        ]
        window = WindowClosed(position=count, tasks=count, skipped=0, questions_sum=0)
        items: list[Done] = [
            Opened(split=split, attempt="x", parts=()),
            *outcomes,
            window,
            Closed(),
        ]
        (record,) = [record for item in items for record in step.process(item)]
        return record

    def read_and_write(self, split: Split) -> SplitRecord:
        """What a worker does, for rows that all fail before a model is asked."""
        reading = ReadSplits(
            read=self.read, work=self.describe, settings=self.settings, run=self.run
        )
        writing = WriteParts(work=self.describe, run=self.settings)
        reading.setup()
        writing.setup()
        writing.start_bundle()
        (record,) = [
            record
            for items in reading.process(split)
            for item in items
            for record in writing.process(
                an_outcome(item) if hasattr(item, "ordinal") else item  # type: ignore[arg-type]
            )
        ]
        reading.teardown()
        return record

    def commit(self, *items: SplitRecord | Plan) -> RunManifest:
        step = CommitRun(read=self.read, work=self.describe, settings=self.settings, run=self.run)
        (manifest,) = step.process((None, items))
        return manifest

    @property
    def plan(self) -> Plan:
        return Plan(splits=tuple(self.splits))

    def rows(self, table: str) -> list[dict[str, Any]]:
        return [
            row
            for file in sorted((self.out / table).glob("*/*.parquet"))
            for row in pq.ParquetFile(file).read().to_pylist()
        ]

    @property
    def commits(self) -> int:
        return len(list(self.store.entries(COMMITS)))


IDS = ["a0", "a1", "a2", "a3"]


def test_a_commit_that_runs_twice_commits_once(tmp_path: Path) -> None:
    job = Job(tmp_path, a_run(), IDS)
    record = job.record(job.splits[0])
    first = job.commit(job.plan, record)
    assert first.counts == Counts(rows_in=4, rows_out=3, failed=1)
    assert job.commit(job.plan, record) == first
    assert job.commits == 1
    assert [row["asset_id"] for row in job.rows("captions")] == ["a0", "a1", "a3"]


def test_the_order_of_what_arrives_and_repeats_do_not_matter(tmp_path: Path) -> None:
    job = Job(tmp_path, a_run(), IDS)
    record = job.record(job.splits[0])
    manifest = job.commit(record, record, job.plan)
    assert manifest.counts == Counts(rows_in=4, rows_out=3, failed=1)


def test_a_plan_alone_is_committed(tmp_path: Path) -> None:
    job = Job(tmp_path, a_run(), [])
    manifest = job.commit(job.plan)
    assert (manifest.counts, manifest.state) == (Counts(), "done")
    assert job.store.exists(manifest_path(job.run.run_id))


def test_a_split_without_its_record_fails_the_run(tmp_path: Path) -> None:
    job = Job(tmp_path, a_run(), IDS)
    with pytest.raises(CountMismatchError, match="4 rows of the catalog are unaccounted for"):
        job.commit(job.plan)
    assert job.commits == 0


def test_a_stopped_run_commits_what_it_has(tmp_path: Path) -> None:
    job = Job(tmp_path, a_run(), IDS)
    job.store.put(stop_path(job.run.run_id), b"{}")
    manifest = job.commit(job.plan)
    assert (manifest.state, manifest.rows_left) == ("stopped", 4)


def questions_job(folder: Path, assets: Sequence[str], ids: Sequence[str] = IDS) -> Job:
    questions = folder / "q.jsonl"
    lines = [{"asset_id": asset_id, "question": f"{at}?"} for at, asset_id in enumerate(assets)]
    questions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    build_question_index(str(questions), folder / "q.sqlite")
    run = a_run(job="answer", table="answers")
    job = Job(folder, run, ids, question_index="q.sqlite", prompt="{question}")
    job.store.put("q.sqlite", (folder / "q.sqlite").read_bytes())
    return job


def test_questions_of_no_asset_are_failures_of_the_run(tmp_path: Path) -> None:
    job = questions_job(tmp_path, ["a1", "nobody", "a3", "", "nobody"])
    records = [job.read_and_write(split) for split in job.splits]
    manifest = job.commit(job.plan, *records)
    assert manifest.counts == Counts(rows_in=5, failed=5)
    assert manifest.failures_by_kind == {"not_found": 2, "unknown_asset": 2, "invalid_row": 1}
    unknown = [row for row in job.rows("failures") if row["kind"] == "unknown_asset"]
    assert [row["asset_id"] for row in unknown] == ["nobody", "nobody"]
    assert "Row 2 of the questions file asks about 'nobody'" in unknown[0]["message"]


def test_questions_that_were_all_asked_leave_the_ids_unread(tmp_path: Path) -> None:
    job = questions_job(tmp_path, ["a1", "a3", "a1"])
    records = [job.read_and_write(split) for split in job.splits]
    Path(job.read.catalog).unlink()
    manifest = job.commit(job.plan, *records)
    assert manifest.counts == Counts(rows_in=3, failed=3)


def test_a_commit_of_unasked_questions_that_runs_twice_commits_once(tmp_path: Path) -> None:
    job = questions_job(tmp_path, ["a1", "nobody"])
    records = [job.read_and_write(split) for split in job.splits]
    first = job.commit(job.plan, *records)
    # By now the index is swept away with the run's staging, and the catalog may be too.
    job.store.delete("q.sqlite")
    Path(job.read.catalog).unlink()
    assert job.commit(job.plan, *records) == first
    assert job.commits == 1
    assert len(job.rows("failures")) == 2


def test_a_commit_that_died_before_its_record_is_repeated_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = questions_job(tmp_path, ["a1", "nobody"])
    records = [job.read_and_write(split) for split in job.splits]
    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "put_new", lambda *_: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            job.commit(job.plan, *records)
    assert last_commit(job.store) is None
    parts: list[Part] = staged_parts(job.store, job.run.run_id, "unasked-questions")
    assert len(choose_cover(parts)) == 1
    assert job.commit(job.plan, *records).counts == Counts(rows_in=2, failed=2)
    assert len(job.rows("failures")) == 2


def test_a_stopped_run_does_not_say_which_questions_have_no_asset(tmp_path: Path) -> None:
    job = questions_job(tmp_path, ["a1", "nobody"])
    job.store.put(stop_path(job.run.run_id), b"{}")
    tally_of(job.run.run_id).stopped = True
    manifest = job.commit(job.plan)
    assert (manifest.counts, manifest.state) == (Counts(), "stopped")
