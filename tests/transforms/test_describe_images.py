"""Captioning and answering in a pipeline of one's own: the job's rows, and each row once."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.transforms.window import FixedWindows, GlobalWindows, TimestampedValue

from models.describing import DecodingSettings, DescribeRequest, Description
from models.prompts import prompts_for
from models.source import ModelSource, resolve_model
from runners.local import local_pipeline
from schemas.asset import Asset
from schemas.description import Answer, Caption
from schemas.failure import Failure
from storage.questions import question_id_of
from storage.runs import stage_run
from storage.store.local import LocalStore
from tests.end_to_end.conftest import read_table
from tests.storage.rows import a_run
from tests.transforms.own_pipelines import answer_at_once, outputs_of, shuffles_of, stages_of
from tests.transforms.work import (
    FakeDescriber,
    a_catalog,
    a_description,
    read_settings,
    run_settings,
    say_what_is_seen,
)
from transforms import describe_images
from transforms.answer_questions import AnswerQuestions
from transforms.caption_images import CaptionImages
from transforms.catalog_job import CatalogJob
from transforms.catalog_picture import CatalogPicture
from transforms.fingerprint import job_fingerprint
from transforms.read_catalog import ReadCatalog
from transforms.settings import DescribeSettings


@pytest.fixture(scope="module")
def tiny() -> ModelSource:
    return resolve_model("calumma-tiny")


@pytest.fixture
def catalog(tmp_path: Path, pictures: list[Path]) -> Path:
    """Thirty-nine good rows and four bad ones, in two files, with versions and references."""
    folder = tmp_path / "catalog"
    folder.mkdir()
    (tmp_path / "page.png").write_text("<html></html>")
    ids = [f"a{number:02d}" for number in range(39)]
    for name, some, uris in (
        ("0", [*ids[:25], "gone"], [*pictures[:25], "/nowhere"]),
        ("1", [*ids[25:], None, "page", "nil"], [*pictures[25:39], pictures[0], "../page.png", ""]),
    ):
        etags = pa.array([f"v{number}" for number in range(len(some))])
        a_catalog(folder / f"{name}.parquet", some, uris, etag=etags, caption=etags, note=etags)
    return folder


def as_json(rows: list[Any]) -> list[dict[str, Any]]:
    """Records as the tables hold them, in the tables' order."""
    found = [
        {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(row).items()}
        for row in rows
    ]
    return sorted(found, key=lambda row: (row["asset_id"], row.get("question_id", "")))


def job_tables(
    catalog: Path, out: Path, describe: DescribeSettings, table: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the job makes of the catalog: its rows, and its failures."""
    run = replace(
        a_run(job=table.removesuffix("s"), table=table),
        fingerprint=job_fingerprint(describe).hex(),
    )
    stage_run(LocalStore(out), run)
    with local_pipeline() as pipeline:
        _ = pipeline | CatalogJob(
            read=read_settings(catalog),
            work=describe,
            settings=run_settings(out, run.run_id, max_failure_rate=1.0),
            run=run,
        )
    return read_table(out, table), read_table(out, "failures")


def own(catalog: Path, step: CaptionImages | AnswerQuestions) -> list[list[Any]]:
    """What a pipeline of one's own makes of the catalog: its rows, and its failures."""
    return outputs_of(lambda begin: begin | ReadCatalog(catalog=str(catalog)) | step)


def own_pictures(
    step: CaptionImages | AnswerQuestions, *pictures: CatalogPicture
) -> list[list[Any]]:
    return outputs_of(lambda begin: begin | beam.Create(pictures) | step)


def test_captions_and_failures_are_the_job_s(
    monkeypatch: pytest.MonkeyPatch, catalog: Path, tmp_path: Path, tiny: ModelSource
) -> None:
    answer_at_once(monkeypatch, FakeDescriber())
    describe = DescribeSettings(
        source=tiny,
        decoding=DecodingSettings(max_new_tokens=64),
        prompt=prompts_for(tiny).short_caption,
    )
    captions, failures = own(catalog, CaptionImages(model=tiny))
    expected = job_tables(catalog, tmp_path / "out", describe, "captions")
    assert (as_json(captions), as_json(failures)) == expected
    assert (len(captions), len(failures)) == (39, 4)
    kinds = sorted(failure.kind for failure in failures)
    assert kinds == ["invalid_row", "missing_id", "not_an_image", "not_found"]


def test_answers_and_failures_are_the_job_s(
    monkeypatch: pytest.MonkeyPatch, catalog: Path, tmp_path: Path, tiny: ModelSource
) -> None:
    answer_at_once(monkeypatch, FakeDescriber())
    questions = ("what?", "where?")
    describe = DescribeSettings(
        source=tiny,
        decoding=DecodingSettings(max_new_tokens=16),
        prompt="Q: {question}",
        questions=tuple((question_id_of(text), text) for text in questions),
    )
    step = AnswerQuestions(model=tiny, questions=(*questions, "what?"), prompt="Q: {question}")
    answers, failures = own(catalog, step)
    expected = job_tables(catalog, tmp_path / "out", describe, "answers")
    assert (as_json(answers), as_json(failures)) == expected
    # The row without an id can be asked nothing: it fails once.
    assert (len(answers), len(failures)) == (2 * 39, 2 * 3 + 1)


def test_from_reading_to_telling_apart_is_one_stage(catalog: Path, tiny: ModelSource) -> None:
    def build(begin: Any) -> Any:
        return begin | ReadCatalog(catalog=str(catalog)) | CaptionImages(model=tiny)

    (shuffle,) = shuffles_of(build)
    assert "ShufflePieces" in shuffle
    homes = {
        heavy: [
            number
            for number, names in enumerate(stages_of(build))
            if any(heavy in name for name in names)
        ]
        for heavy in ("ReadPieces", "Collect", "Load", "Describe/BeamML", "TellApart")
    }
    assert len(set(map(tuple, homes.values()))) == 1, homes
    assert all(len(places) == 1 for places in homes.values()), homes


def test_the_outputs_types_are_known_before_anything_runs(tiny: ModelSource) -> None:
    pictures = local_pipeline() | beam.Create([CatalogPicture(asset=Asset(asset_id="a", uri="b"))])
    captions, failures = pictures | CaptionImages(model=tiny)
    assert (captions.element_type, failures.element_type) == (Caption, Failure)
    answered = pictures | AnswerQuestions(model=tiny, questions=["what?"])
    assert (answered.answers.element_type, answered.failures.element_type) == (Answer, Failure)


def test_a_row_that_the_model_refuses_takes_no_other_along(
    monkeypatch: pytest.MonkeyPatch, catalog: Path, tiny: ModelSource
) -> None:
    answer_at_once(monkeypatch, FakeDescriber())
    captions, _ = own(catalog, CaptionImages(model=tiny))
    poison = min(caption.text for caption in captions)

    def refuse(request: DescribeRequest) -> Description:
        if (description := say_what_is_seen(request)).text == poison:
            raise ValueError("not this one")
        return description

    answer_at_once(monkeypatch, FakeDescriber(refuse))
    captions, failures = own(catalog, CaptionImages(model=tiny))
    assert (len(captions), len(failures)) == (38, 5)
    (failure,) = [failure for failure in failures if failure.stage == "describe"]
    assert failure.kind == "model_error"
    assert "not this one" in failure.message


def test_local_files_are_read_only_for_pictures_that_may_be_local(
    monkeypatch: pytest.MonkeyPatch, pictures: list[Path], tiny: ModelSource
) -> None:
    answer_at_once(monkeypatch, FakeDescriber())
    asset = Asset(asset_id="a", uri=str(pictures[0]))
    beside = CatalogPicture(
        asset=Asset(asset_id="b", uri=pictures[1].name), file=f"{pictures[1].parent}/c.csv"
    )
    captions, failures = own_pictures(
        CaptionImages(model=tiny),
        CatalogPicture(asset=asset),
        CatalogPicture(asset=replace(asset, asset_id="local"), local=True),
        beside,
        replace(beside, asset=replace(beside.asset, asset_id="beside"), local=True),
    )
    assert sorted(caption.asset_id for caption in captions) == ["beside", "local"]
    assert {(failure.asset_id, failure.kind, failure.stage) for failure in failures} == {
        ("a", "policy", "fetch"),
        ("b", "policy", "fetch"),
    }


def test_rows_of_one_s_own_without_id_or_uri_fail_alone(
    monkeypatch: pytest.MonkeyPatch, pictures: list[Path], tiny: ModelSource
) -> None:
    answer_at_once(monkeypatch, FakeDescriber())
    data = pictures[0].read_bytes()
    captions, failures = own_pictures(
        CaptionImages(model=tiny),
        CatalogPicture(asset=Asset(asset_id="bytes", uri=""), data=data),
        CatalogPicture(asset=Asset(asset_id="", uri="x.png")),
        CatalogPicture(asset=Asset(asset_id="nowhere", uri="")),
    )
    assert [caption.asset_id for caption in captions] == ["bytes"]
    assert sorted((failure.asset_id, failure.kind) for failure in failures) == [
        ("", "missing_id"),
        ("nowhere", "invalid_row"),
    ]


def test_rows_stay_in_their_windows(
    monkeypatch: pytest.MonkeyPatch, pictures: list[Path], tiny: ModelSource
) -> None:
    answer_at_once(monkeypatch, FakeDescriber())

    def build(begin: Any) -> Any:
        moments = [
            TimestampedValue(
                CatalogPicture(asset=Asset(asset_id=f"a{number}", uri=str(path)), local=True),
                number * 10,
            )
            for number, path in enumerate(pictures[:6])
        ]
        captions, failures = (
            begin
            | beam.Create(moments)
            | "Moments" >> beam.Map(lambda moment: moment)
            | "Narrow" >> beam.WindowInto(FixedWindows(30))
            | CaptionImages(model=tiny)
        )
        windowed = captions | "Tell" >> beam.Map(
            lambda caption, window=beam.DoFn.WindowParam: (int(window.start), caption.asset_id)
        )
        return tuple(
            collection | f"Widen{number}" >> beam.WindowInto(GlobalWindows())
            for number, collection in enumerate((windowed, failures))
        )

    found, failures = outputs_of(build)
    assert failures == []
    assert sorted(found) == [(number // 3 * 30, f"a{number}") for number in range(6)]


def test_pictures_that_the_catalog_holds_are_collected_by_size_too() -> None:
    asset = Asset(asset_id="a", uri="")
    weigh = describe_images._rows_worth
    assert weigh(CatalogPicture(asset=asset)) == 1
    assert weigh(CatalogPicture(asset=asset, data=bytes(16 << 20))) == 257
    assert weigh(CatalogPicture(asset=asset, data=bytes(200 << 20))) == 1024


def test_many_pictures_are_given_to_the_model_in_windows(
    monkeypatch: pytest.MonkeyPatch, pictures: list[Path], tiny: ModelSource
) -> None:
    monkeypatch.setattr(describe_images, "_ROWS_AHEAD", 24)
    model = answer_at_once(monkeypatch, FakeDescriber(lambda _: a_description()))
    captions, _ = own(pictures[0].parent, CaptionImages(model=tiny, batch_size=2))
    assert len(captions) == 40
    assert [len(batch) for batch in model.batches] == [2] * 20
