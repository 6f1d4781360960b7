"""The whole job as one transform: two small shuffles, one fused stage, the same rows always."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.testing.util import assert_that
from apache_beam.transforms.combiners import ToList
from PIL import Image

from models.describing import DescribeRequest, Description
from runners.local import local_pipeline
from schemas.errors import RowError, UsageError
from schemas.failure import FailureKind
from schemas.manifest import Counts, RunManifest
from storage.commit_record import last_commit
from storage.runs import stage_run
from storage.store.local import LocalStore
from tests.storage.rows import a_run
from tests.transforms.work import (
    FakeDescriber,
    a_catalog,
    a_description,
    describe_settings,
    read_settings,
    run_settings,
    say_what_is_seen,
)
from transforms import describe
from transforms.catalog_job import CatalogJob
from transforms.tally import tally_of

RUN = a_run()
HEAVY = ("ReadSplits", "Describe/BeamML_RunInference", "WriteParts")


@pytest.fixture
def catalog(tmp_path: Path, pictures: list[Path]) -> Path:
    """Forty good rows and two bad ones, in two files."""
    folder = tmp_path / "catalog"
    folder.mkdir()
    ids = [f"a{number:02d}" for number in range(40)]
    a_catalog(folder / "0.parquet", [*ids[:25], "gone"], [*pictures[:25], "/nowhere"])
    a_catalog(folder / "1.parquet", [*ids[25:], None], [*pictures[25:], pictures[0]])
    return folder


def job(catalog: Path, out: Path, **changes: Any) -> CatalogJob:
    of_reading = {"fetch_threads", "decode_helpers", "limit"} & set(changes)
    read = {name: changes.pop(name) for name in of_reading}
    rate = changes.pop("max_failure_rate", 0.9)
    asks = "questions" in changes or "question_index" in changes
    of_job = a_run(job="answer", table="answers") if asks else RUN
    stage_run(LocalStore(out), of_job)
    return CatalogJob(
        read=read_settings(catalog, **read),
        work=describe_settings(**changes),
        settings=run_settings(out, RUN.run_id, max_failure_rate=rate),
        run=of_job,
    )


def run(monkeypatch: pytest.MonkeyPatch, model: FakeDescriber, step: CatalogJob) -> RunManifest:
    monkeypatch.setattr(describe, "load_describer", lambda *_, **__: model)
    with local_pipeline() as pipeline:
        found = pipeline | step | ToList()

        def check(lists: list[list[RunManifest]]) -> None:
            ((manifest,),) = lists
            assert isinstance(manifest, RunManifest)

        assert_that(found, check)
    record = last_commit(LocalStore(Path(step.settings.out)))
    assert record is not None
    return record.manifest


def rows(out: Path, table: str) -> list[dict[str, Any]]:
    found = [
        row
        for file in sorted((out / table).glob("*/*.parquet"))
        for row in pq.ParquetFile(file).read().to_pylist()
    ]
    return sorted(found, key=lambda row: (row["asset_id"], row.get("question_id", "")))


def stages(step: CatalogJob) -> Iterator[list[str]]:
    """The names of the steps that a runner puts together."""
    pipeline = local_pipeline()
    pipeline | step
    for stage in FnApiRunner().create_stages(pipeline.to_runner_api())[1]:
        yield [transform.unique_name for transform in stage.transforms]


def test_there_are_two_shuffles(catalog: Path, tmp_path: Path) -> None:
    pipeline = local_pipeline()
    pipeline | job(catalog, tmp_path / "out")
    components = pipeline.to_runner_api().components
    shuffles = sorted(
        transform.unique_name
        for transform in components.transforms.values()
        if transform.spec.urn == "beam:transform:group_by_key:v1"
    )
    assert len(shuffles) == 2
    assert "ShuffleRecords" in shuffles[0]
    assert "ShuffleSplits" in shuffles[1]


def test_no_step_waits_for_a_side_input_or_keeps_state(catalog: Path, tmp_path: Path) -> None:
    pipeline = local_pipeline()
    pipeline | job(catalog, tmp_path / "out")
    for transform in pipeline.to_runner_api().components.transforms.values():
        if transform.spec.urn == "beam:transform:pardo:v1":
            payload = beam.portability.api.beam_runner_api_pb2.ParDoPayload()
            payload.ParseFromString(transform.spec.payload)
            assert not payload.state_specs, transform.unique_name
            assert not payload.side_inputs, transform.unique_name


def test_reading_describing_and_writing_are_one_stage(catalog: Path, tmp_path: Path) -> None:
    homes = {
        heavy: [
            place
            for place, names in enumerate(stages(job(catalog, tmp_path / "out")))
            if any(heavy in name for name in names)
        ]
        for heavy in HEAVY
    }
    assert len(set(map(tuple, homes.values()))) == 1, homes
    assert all(len(places) == 1 for places in homes.values()), homes


def test_the_output_s_type_is_known_before_anything_runs(catalog: Path, tmp_path: Path) -> None:
    manifests = local_pipeline() | job(catalog, tmp_path / "out")
    assert manifests.element_type is RunManifest


def test_captions_are_of_their_own_pictures(
    monkeypatch: pytest.MonkeyPatch, catalog: Path, pictures: list[Path], tmp_path: Path
) -> None:
    model = FakeDescriber()
    manifest = run(monkeypatch, model, job(catalog, tmp_path / "out"))
    assert manifest.counts == Counts(rows_in=42, rows_out=40, failed=2)
    assert manifest.failures_by_kind == {"missing_id": 1, "not_found": 1}
    said = {
        request.images[0].tobytes(): say_what_is_seen(request).text
        for batch in model.batches
        for request in batch
    }
    for row, path in zip(rows(tmp_path / "out", "captions"), pictures, strict=True):
        assert row["text"] == said[Image.open(path).convert("RGB").tobytes()]
        assert row["uri"] == str(path)
    assert tally_of(RUN.run_id).model_loads == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 1},
        {"batch_size": 3, "decode_helpers": 2},
        {"batch_size": 500, "fetch_threads": 1},
    ],
    ids=str,
)
def test_the_rows_are_the_same_whatever_the_batch_size_helpers_and_threads(
    monkeypatch: pytest.MonkeyPatch, catalog: Path, tmp_path: Path, changes: dict[str, int]
) -> None:
    usual, other = tmp_path / "usual", tmp_path / "other"
    first = run(monkeypatch, FakeDescriber(), job(catalog, usual))
    second = run(monkeypatch, FakeDescriber(), job(catalog, other, **changes))
    assert first.counts == second.counts
    for table in ("captions", "failures"):
        assert rows(usual, table) == rows(other, table)
        assert rows(usual, table)


def test_a_model_that_says_nothing_fails_every_row_and_loses_none(
    monkeypatch: pytest.MonkeyPatch, catalog: Path, tmp_path: Path
) -> None:
    silent = FakeDescriber(lambda _: RowError(FailureKind.EMPTY_OUTPUT, "no text"))
    manifest = run(monkeypatch, silent, job(catalog, tmp_path / "out"))
    assert manifest.counts == Counts(rows_in=42, failed=42)
    assert manifest.failures_by_kind["empty_output"] == 40
    assert rows(tmp_path / "out", "captions") == []


def test_a_model_that_raises_for_one_row_costs_one_row(
    monkeypatch: pytest.MonkeyPatch, catalog: Path, pictures: list[Path], tmp_path: Path
) -> None:
    poison = Image.open(pictures[17]).convert("RGB").tobytes()

    def say(request: DescribeRequest) -> Description:
        if request.images[0].tobytes() == poison:
            raise ValueError("not this one")
        return say_what_is_seen(request)

    manifest = run(monkeypatch, FakeDescriber(say), job(catalog, tmp_path / "out", batch_size=32))
    assert manifest.counts == Counts(rows_in=42, rows_out=39, failed=3)
    (failure,) = [row for row in rows(tmp_path / "out", "failures") if row["kind"] == "model_error"]
    assert (failure["asset_id"], failure["stage"]) == ("a17", "describe")
    assert "not this one" in failure["message"]


def test_every_picture_is_asked_every_question(
    monkeypatch: pytest.MonkeyPatch, catalog: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    step = job(catalog, out, questions=(("q1", "what?"), ("q2", "where?")), prompt="{question}!")
    model = FakeDescriber(lambda request: a_description(request.prompt))
    manifest = run(monkeypatch, model, step)
    assert manifest.counts == Counts(rows_in=83, rows_out=80, failed=3)
    answers = rows(out, "answers")
    assert [row["text"] for row in answers] == ["what?!", "where?!"] * 40


def test_an_empty_catalog_is_committed_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = a_catalog(tmp_path / "c.parquet", [], [])
    manifest = run(monkeypatch, FakeDescriber(), job(empty, tmp_path / "out"))
    assert (manifest.counts, manifest.commit, manifest.state) == (Counts(), 1, "done")


def test_a_limit_takes_the_catalog_s_beginning(
    monkeypatch: pytest.MonkeyPatch, catalog: Path, tmp_path: Path
) -> None:
    run(monkeypatch, FakeDescriber(), job(catalog, tmp_path / "out", limit=7))
    found = [row["asset_id"] for row in rows(tmp_path / "out", "captions")]
    assert found == [f"a{number:02d}" for number in range(7)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 0}, "batch size must be at least 1, not 0"),
        ({"max_failure_rate": 1.5}, "fraction from 0 to 1, not 1.5"),
        ({"max_failure_rate": -0.1}, "fraction from 0 to 1"),
        ({"max_failure_rate": float("nan")}, "fraction from 0 to 1"),
    ],
)
def test_settings_out_of_range_are_refused_before_the_graph_exists(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        job(tmp_path, tmp_path / "out", **changes)
