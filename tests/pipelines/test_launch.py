"""Launching: one run at a time, errors in a sentence, signals handed back."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from PIL import Image

from pipelines.config import CaptionConfig
from pipelines.launch import launch
from pipelines.progress import Progress
from runners.local import LocalEngine
from schemas.errors import (
    CalummaError,
    CatalogError,
    ModelError,
    OutputBusyError,
    RunError,
    UsageError,
)
from schemas.manifest import Counts, RunManifest
from storage.lock import OutputLock
from storage.store import open_store
from tests.end_to_end.conftest import copy_pictures
from tests.pipelines.conftest import Command
from tests.transforms.work import FakeDescriber
from transforms import describe
from transforms.tally import Tally

QUIET = Progress(quiet=True)


def caption(catalog: Path, out: Path, **changes: object) -> tuple[RunManifest, Tally]:
    config = CaptionConfig(**changes)  # type: ignore[arg-type]
    return launch(str(catalog), str(out), config, LocalEngine(), QUIET)


def error_of(catalog: Path, out: Path) -> CalummaError:
    with pytest.raises(CalummaError) as caught:
        caption(catalog, out)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


def test_the_manifest_and_this_process_s_counts_agree(
    pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    folder = copy_pictures(tmp_path / "p", 0, 5)
    (folder / "broken.png").write_bytes(b"<html>")
    manifest, tally = caption(folder, tmp_path / "out")
    assert manifest.counts == Counts(rows_in=6, rows_out=5, failed=1)
    assert (tally.planned, tally.passed, tally.planning_done) == (6, 6, True)
    assert (tally.rows_out, tally.failed, tally.skipped) == (5, {"not_an_image": 1}, 0)
    assert tally.model_loads == 1
    manifest, tally = caption(folder, tmp_path / "out")
    assert (tally.passed, tally.rows_out, tally.skipped, tally.model_loads) == (6, 0, 6, 0)


def test_the_command_prints_the_counts(
    command: Command, pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    code, said, _ = command("caption", pictures, tmp_path / "out")
    assert code == 0
    assert "10 rows in = 10 out + 0 failed + 0 skipped" in said
    code, said, errors = command("caption", pictures, tmp_path / "out", "--json")
    assert (code, errors) == (0, "")
    assert json.loads(said)["counts"] == {"rows_in": 10, "rows_out": 0, "failed": 0, "skipped": 10}


def test_too_many_failures_are_exit_code_1_and_what_was_done_is_kept(
    command: Command, pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    folder = copy_pictures(tmp_path / "p", 0, 3)
    for number in range(120):
        (folder / f"broken{number}.png").write_bytes(b"<html>")
    code, said, _ = command("caption", folder, tmp_path / "out", "--json")
    manifest = json.loads(said)
    assert (code, manifest["state"]) == (1, "stopped")
    assert manifest["counts"]["rows_out"] == 3
    assert list((tmp_path / "out" / "captions").rglob("*.parquet"))


def test_an_output_that_is_a_file_is_told(
    pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        (tmp_path / "file").write_text("mine")
        error = error_of(pictures, out)
        assert isinstance(error, UsageError)
        assert f"{out} is a file, or lies below one" in str(error)
        assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_an_output_that_may_not_be_written_is_told(
    pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "cannot be written" in str(error_of(pictures, tmp_path / "closed" / "out"))


FULL_DISK = """
import resource, signal, sys
from pipelines.main import main
from tests.transforms.work import FakeDescriber
from transforms import describe

describe.load_describer = lambda *_, **__: FakeDescriber()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
sys.argv = ["calumma", "caption", *sys.argv[1:3]]
main()
"""


def test_a_full_disk_is_a_sentence_and_the_rerun_goes_on(
    pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(pictures), str(out), "4096"],
        # Half of a module's bytecode would be kept, and fail ever after.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "run the same command again to go on" in done.stderr
    assert not list(out.rglob("*.tmp"))
    manifest, _ = caption(pictures, out)
    assert manifest.counts == Counts(rows_in=10, rows_out=10)
    assert manifest.commit == 1


def test_a_busy_output_names_who_holds_it(
    pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    with OutputLock(open_store(str(tmp_path / "out"))):
        error = error_of(pictures, tmp_path / "out")
    assert isinstance(error, OutputBusyError)
    assert f"is being written by process {os.getpid()}" in str(error)
    assert caption(pictures, tmp_path / "out")[0].state == "done"


def test_a_run_that_failed_lets_go_of_the_output(
    pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    assert isinstance(error_of(tmp_path / "nowhere", tmp_path / "out"), CatalogError)
    assert caption(pictures, tmp_path / "out")[0].counts.rows_out == 10


def test_a_model_that_cannot_be_loaded_is_one_sentence(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object, **__: object) -> FakeDescriber:
        raise ModelError("The model's weights are cut short.")

    monkeypatch.setattr(describe, "load_describer", load)
    error = error_of(pictures, tmp_path / "out")
    assert isinstance(error, ModelError)
    assert str(error).startswith("The model's weights are cut short.")


def test_a_sentence_from_inside_the_pipeline_stays_as_it_was(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object, **__: object) -> FakeDescriber:
        raise ModelError("The model's weights are cut short.")

    monkeypatch.setattr(describe, "load_describer", load)
    assert str(error_of(pictures, tmp_path / "out")) == "The model's weights are cut short."


def test_an_error_nobody_foresaw_is_one_sentence_that_names_it(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object, **__: object) -> FakeDescriber:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(describe, "load_describer", load)
    error = error_of(pictures, tmp_path / "out")
    assert isinstance(error, RunError)
    assert "The run failed: ZeroDivisionError: of all things" in str(error)


def test_what_failed_is_gone_on_with_under_the_same_run(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: FakeDescriber
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(describe, "load_describer", lambda *_, **__: 1 / 0)
        error_of(pictures, tmp_path / "out")
    (staged,) = (tmp_path / "out" / "_staging").iterdir()
    manifest, _ = caption(pictures, tmp_path / "out")
    assert manifest.run_id == staged.name


def test_a_pipeline_without_a_commit_is_an_error(
    pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    class Idle:
        def run(self) -> "Idle":
            return self

        def wait_until_finish(self) -> None:
            pass

    class IdlePipeline(beam.Pipeline):
        def run(self, test_runner_api: object = "AUTO") -> Any:
            return Idle()

    class IdleEngine(LocalEngine):
        def pipeline(self) -> beam.Pipeline:
            return IdlePipeline()

    with pytest.raises(RunError, match="ended without a commit"):
        launch(str(pictures), str(tmp_path / "out"), CaptionConfig(), IdleEngine(), QUIET)


def test_signals_are_handled_as_before_when_it_is_over(
    pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    caption(pictures, tmp_path / "out")
    error_of(tmp_path / "nowhere", tmp_path / "out")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_run_may_be_launched_from_a_thread(
    pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    raised: list[BaseException] = []

    def work() -> None:
        try:
            caption(pictures, tmp_path / "out")
        except BaseException as error:  # noqa: BLE001 - handed to the test
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def test_a_wrong_catalog_leaves_no_output_behind_but_its_lock(
    pictures: Path, tmp_path: Path
) -> None:
    error_of(tmp_path / "nowhere", tmp_path / "out")
    left = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert left <= {"holder.json"}


def test_a_small_catalog_of_other_pictures_is_told_of_the_demonstration_model(
    tmp_path: Path,
    model: FakeDescriber,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipelines.attend._SECONDS_BETWEEN_LOOKS", 60.0)  # longer than the run
    (tmp_path / "p").mkdir()
    Image.new("RGB", (640, 480)).save(tmp_path / "p" / "photo.jpg")
    launch(str(tmp_path / "p"), str(tmp_path / "out"), CaptionConfig(), LocalEngine(), Progress())
    assert "it is a demonstration model" in capsys.readouterr().err
