"""A dry run: counts what the run then does, and writes nothing."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.config import AnswerConfig, CaptionConfig
from pipelines.dry_run import DryRun, dry_run
from pipelines.launch import launch
from pipelines.progress import Progress
from runners.local import LocalEngine
from schemas.errors import CatalogError
from schemas.manifest import Counts
from tests.end_to_end.conftest import copy_pictures
from tests.pipelines.conftest import Command
from tests.transforms.work import FakeDescriber, a_catalog

Config = CaptionConfig | AnswerConfig


def really(catalog: Path, out: Path, config: Config) -> Counts:
    manifest, _ = launch(str(catalog), str(out), config, LocalEngine(), Progress(quiet=True))
    return manifest.counts


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def assert_tells(catalog: Path, out: Path, config: Config) -> Counts:
    """A dry run tells the counts of the run that follows."""
    told = dry_run(str(catalog), str(out), config, LocalEngine())
    counts = really(catalog, out, config)
    assert (told.to_do, told.skipped) == (counts.rows_out + counts.failed, counts.skipped)
    return counts


def test_it_tells_what_a_first_a_second_and_a_third_run_do(
    tmp_path: Path, pictures: Path, model: FakeDescriber
) -> None:
    folder, out, config = copy_pictures(tmp_path / "p", 0, 4), tmp_path / "out", CaptionConfig()
    (folder / "broken.png").write_bytes(b"<html>")
    assert assert_tells(folder, out, config) == Counts(rows_in=5, rows_out=4, failed=1)
    assert assert_tells(folder, out, config) == Counts(rows_in=5, skipped=5)
    copy_pictures(folder, 4, 6)
    assert assert_tells(folder, out, config) == Counts(rows_in=7, rows_out=2, skipped=5)


def test_it_tells_what_only_failed_and_a_limit_do(tmp_path: Path, model: FakeDescriber) -> None:
    folder, out = copy_pictures(tmp_path / "p", 0, 4), tmp_path / "out"
    (folder / "0002.png").write_bytes(b"<html>")
    assert_tells(folder, out, CaptionConfig(limit=3))
    again = assert_tells(folder, out, CaptionConfig(only_failed=True))
    assert again == Counts(rows_in=4, failed=1, skipped=3)
    assert_tells(folder, out, CaptionConfig(prompt="another"))


def test_it_tells_what_questions_do(tmp_path: Path, pictures: Path, model: FakeDescriber) -> None:
    out = tmp_path / "out"
    counts = assert_tells(pictures, out, AnswerConfig(question=("a?", "b?")))
    assert counts == Counts(rows_in=20, rows_out=20)
    counts = assert_tells(pictures, out, AnswerConfig(question=("b?", "c?")))
    assert counts == Counts(rows_in=20, rows_out=10, skipped=10)
    questions = tmp_path / "q.jsonl"
    asked = [{"asset_id": f"000{number}.png", "question": "d?"} for number in (1, 1, 5)]
    questions.write_text("".join(json.dumps(row) + "\n" for row in asked))
    counts = assert_tells(pictures, out, AnswerConfig(questions=str(questions)))
    assert counts == Counts(rows_in=3, rows_out=3)


def ask_of_no_asset(folder: Path) -> AnswerConfig:
    questions = folder / "q.csv"
    questions.write_text("asset_id,question\n0001.png,a?\nnobody.png,a?\n")
    return AnswerConfig(questions=str(questions))


def test_it_tells_of_questions_of_no_asset(
    tmp_path: Path, pictures: Path, model: FakeDescriber
) -> None:
    counts = assert_tells(pictures, tmp_path / "out", ask_of_no_asset(tmp_path))
    assert counts == Counts(rows_in=2, rows_out=1, failed=1)


def test_it_tells_that_questions_of_no_asset_are_known(
    tmp_path: Path, pictures: Path, model: FakeDescriber
) -> None:
    really(pictures, tmp_path / "out", ask_of_no_asset(tmp_path))
    assert_tells(pictures, tmp_path / "out", ask_of_no_asset(tmp_path))


def test_it_names_the_job_the_model_and_the_prompt(tmp_path: Path, pictures: Path) -> None:
    found = dry_run(
        str(pictures), str(tmp_path / "out"), CaptionConfig(prompt="What?"), LocalEngine()
    )
    assert found == DryRun(
        job="caption",
        catalog=str(pictures),
        out=str(tmp_path / "out"),
        table="captions",
        model="calumma-tiny",
        revision=found.revision,
        prompt="What?",
        to_do=10,
        skipped=0,
        unreadable=(),
        runner="local",
        stages=(
            "Catalog, PlanSplits, ShuffleSplits",
            "ShuffleSplits, ReadSplits, Describe, WriteParts",
            "Together",
            "Commit",
        ),
        resources={"workers": "1 in this process"},
        request={},
        request_body={},
    )
    assert found.revision.startswith("sha256:")
    asked = dry_run(
        str(pictures), str(tmp_path / "out"), AnswerConfig(question=("a?",)), LocalEngine()
    )
    assert (asked.job, asked.table) == ("answer", "answers")


@pytest.mark.parametrize("config", [CaptionConfig(), AnswerConfig(questions="q.csv")])
def test_it_writes_nothing(
    tmp_path: Path,
    pictures: Path,
    model: FakeDescriber,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.csv").write_text("asset_id,question\n0001.png,a?\n")
    before = files(tmp_path)
    dry_run(str(pictures), str(tmp_path / "new" / "out"), config, LocalEngine())
    assert files(tmp_path) == before
    really(pictures, tmp_path / "out", config)
    before = files(tmp_path)
    dry_run(str(pictures), str(tmp_path / "out"), config, LocalEngine())
    assert files(tmp_path) == before
    assert len(model.batches) == 1


def test_files_that_cannot_be_read_are_named(tmp_path: Path, pictures: Path) -> None:
    uris = sorted(pictures.iterdir())
    (tmp_path / "c").mkdir()
    a_catalog(tmp_path / "c" / "0.parquet", ["a", "b"], uris[:2])
    (tmp_path / "c" / "1.parquet").write_bytes(b"PAR1 not really")
    found = dry_run(str(tmp_path / "c"), str(tmp_path / "out"), CaptionConfig(), LocalEngine())
    assert found.to_do == 3  # the unreadable file is a row that fails
    (problem,) = found.unreadable
    assert "1.parquet" in problem


def test_a_file_whose_ids_cannot_be_read_is_no_traceback(tmp_path: Path, model: object) -> None:
    catalog = tmp_path / "c.parquet"
    table = pa.table({"uri": ["/x"] * 100, "id": [f"asset {number}" for number in range(100)]})
    pq.write_table(table, catalog, compression="none", use_dictionary=False)
    whole = bytearray(catalog.read_bytes())
    begin = whole.index(b"asset 0")
    whole[begin - 40 : begin] = b"\xff" * 40
    catalog.write_bytes(whole)
    assert_tells(catalog, tmp_path / "out", CaptionConfig(max_failure_rate=1.0))


def test_a_catalog_that_cannot_serve_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="There is no"):
        dry_run(str(tmp_path / "nowhere"), str(tmp_path / "out"), CaptionConfig(), LocalEngine())


def test_the_command_prints_it_as_lines_or_as_json(
    command: Command, pictures: Path, tmp_path: Path
) -> None:
    code, said, errors = command("caption", pictures, tmp_path / "out", "--dry-run")
    assert (code, errors) == (0, "")
    assert "to do:    10 rows, into captions\nskipped:  0 rows\n" in said
    code, said, _ = command("caption", pictures, tmp_path / "out", "--dry-run", "--json")
    assert json.loads(said)["to_do"] == 10
    assert not list(tmp_path.iterdir())
