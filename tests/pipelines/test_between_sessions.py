"""What changes between a run that died and the one that goes on with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.describing import DescribeRequest, Description
from pipelines.config import AnswerConfig, CaptionConfig
from pipelines.launch import launch
from pipelines.progress import Progress
from runners.local import LocalEngine
from schemas.errors import RowError, RunError
from schemas.manifest import Counts, RunManifest
from storage.catalog import delimited
from storage.part_writer import PartWriter
from storage.store import open_store
from tests.end_to_end.conftest import copy_pictures, read_table
from tests.transforms.work import FakeDescriber, say_what_is_seen
from transforms import commit

QUIET = Progress(quiet=True)


def run(catalog: Path, out: Path, config: CaptionConfig | AnswerConfig) -> RunManifest:
    return launch(str(catalog), str(out), config, LocalEngine(), QUIET)[0]


def die_before_the_commit(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> None:
    """Run to where everything is staged, and no further."""
    with monkeypatch.context() as patch:
        patch.setattr(commit, "commit_run", lambda *_: 1 / 0)
        with pytest.raises(RunError):
            run(*arguments)


def test_other_questions_in_the_file_are_another_run(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: FakeDescriber
) -> None:
    out, questions = tmp_path / "out", tmp_path / "q.jsonl"
    config = AnswerConfig(questions=str(questions))
    questions.write_text(json.dumps({"asset_id": "0001.png", "question": "old?"}))
    die_before_the_commit(monkeypatch, pictures, out, config)
    asked = [{"asset_id": "0001.png", "question": text} for text in ("new?", "newer?")]
    questions.write_text("\n".join(map(json.dumps, asked)))
    run(pictures, out, config)
    assert [row["question"] for row in read_table(out, "answers")] == ["new?", "newer?"]


def test_rows_that_another_run_did_meanwhile_are_not_done_again(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: FakeDescriber
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        # Nothing at all is staged of this one.
        patch.setattr(PartWriter, "flush", lambda *_: 1 / 0)
        with pytest.raises(RunError):
            run(pictures, out, CaptionConfig())
    run(pictures, out, CaptionConfig(limit=6))
    model.batches.clear()
    manifest = run(pictures, out, CaptionConfig())
    assert manifest.counts == Counts(rows_in=10, rows_out=4, skipped=6)
    assert sum(map(len, model.batches)) == 4
    assert len(read_table(out, "captions")) == 10


def test_a_stopped_run_goes_on_when_more_may_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: FakeDescriber
) -> None:
    folder, out = copy_pictures(tmp_path / "p", 0, 2), tmp_path / "out"
    for number in range(300):
        (folder / f"bad{number}.png").write_bytes(b"no picture")
    die_before_the_commit(monkeypatch, folder, out, CaptionConfig(batch_size=2))
    manifest = run(folder, out, CaptionConfig(batch_size=2, max_failure_rate=1.0))
    assert manifest.state == "done"
    assert manifest.counts == Counts(rows_in=302, rows_out=2, failed=300)
    assert manifest.config["max_failure_rate"] == 1.0


def test_a_file_that_is_replaced_between_two_of_its_splits_ends_the_run(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: FakeDescriber
) -> None:
    monkeypatch.setattr(delimited, "ROWS_PER_SPLIT", 5)
    catalog, out = tmp_path / "c.csv", tmp_path / "out"
    lines = [f"a{number},{pictures}/000{number}.png" for number in range(10)]
    catalog.write_text("\n".join(["id,uri", *lines]))

    def replace_it(request: DescribeRequest) -> Description | RowError:
        catalog.write_text("\n".join(["id,uri", "new,/nowhere.png", *lines]))
        return say_what_is_seen(request)

    with monkeypatch.context() as patch:
        patch.setattr(model, "_say", replace_it)
        with pytest.raises(RunError, match=r"c\.csv was changed while the run read it"):
            run(catalog, out, CaptionConfig())
    manifest = run(catalog, out, CaptionConfig(max_failure_rate=1.0))
    assert manifest.counts == Counts(rows_in=11, rows_out=10, failed=1)
    assert {row["asset_id"] for row in read_table(out, "captions")} == {
        f"a{number}" for number in range(10)
    }


def test_a_picture_that_is_added_leaves_the_listing_of_the_dead_run_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: FakeDescriber
) -> None:
    folder, out = copy_pictures(tmp_path / "p", 1, 4), tmp_path / "out"
    die_before_the_commit(monkeypatch, folder, out, CaptionConfig())
    store = open_store(str(out))
    (before,) = [entry.path for entry in store.entries("_staging") if "/listing/" in entry.path]
    content = store.get(before)
    copy_pictures(folder, 0, 1)
    with monkeypatch.context() as patch:
        patch.setattr(commit, "commit_run", lambda *_: 1 / 0)
        with pytest.raises(RunError):
            run(folder, out, CaptionConfig())
    assert store.get(before) == content
    assert run(folder, out, CaptionConfig()).counts.rows_out == 4
