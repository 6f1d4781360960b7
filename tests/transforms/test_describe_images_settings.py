"""What is said of settings that cannot be, and which prompt is asked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest

from models.prompts import prompts_for
from models.source import ModelSource, resolve_model
from schemas.asset import Asset
from schemas.description import Caption
from schemas.errors import CalummaError, UsageError
from tests.transforms.own_pipelines import answer_at_once, outputs_of
from tests.transforms.work import FakeDescriber
from transforms.answer_questions import AnswerQuestions
from transforms.caption_images import CaptionImages
from transforms.catalog_picture import CatalogPicture


@pytest.fixture(scope="module")
def tiny() -> ModelSource:
    return resolve_model("calumma-tiny")


def caption_one(picture: Path, step: CaptionImages) -> Caption:
    row = CatalogPicture(asset=Asset(asset_id="a", uri=str(picture)), local=True)
    ((caption,), failures) = outputs_of(lambda begin: begin | beam.Create([row]) | step)
    assert failures == []
    assert isinstance(caption, Caption)
    return caption


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"fetch_threads": 0}, "fetch_threads must be at least 1"),
        ({"decode_helpers": 0}, "decode_helpers must be at least 1"),
        ({"dtype": "int8"}, "dtype must be one of float32, bfloat16, float16, not 'int8'"),
        ({"style": "medium"}, "style must be short or long, not 'medium'"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused_before_the_graph_exists(
    tiny: ModelSource, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        CaptionImages(model=tiny, **settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"questions": ()}, "one text or more"),
        ({"questions": "what?"}, "must be a list"),
        ({"questions": ("what?", " ")}, "A question is empty"),
        ({"questions": ("what?",), "prompt": "say"}, "must hold {question}"),
    ],
    ids=str,
)
def test_questions_that_cannot_be_asked_are_refused(
    tiny: ModelSource, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        AnswerQuestions(model=tiny, **settings)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, "short"),
        ({"style": "long"}, "long"),
        ({"style": "long", "prompt": "say it"}, "say it"),
        ({"prompt": ""}, ""),
    ],
    ids=str,
)
def test_the_style_decides_unless_a_prompt_is_given(
    monkeypatch: pytest.MonkeyPatch,
    pictures: list[Path],
    tiny: ModelSource,
    settings: dict[str, Any],
    asked: str,
) -> None:
    prompts = prompts_for(tiny)
    expected = {"short": prompts.short_caption, "long": prompts.long_caption}.get(asked, asked)
    answer_at_once(monkeypatch, FakeDescriber())
    caption = caption_one(pictures[0], CaptionImages(model=tiny, **settings))
    assert caption.prompt == expected


def test_a_model_that_is_gone_ends_the_pipeline(
    pictures: list[Path], tiny: ModelSource, tmp_path: Path
) -> None:
    gone = replace(tiny, name="gone", location=str(tmp_path / "gone"))
    with pytest.raises(CalummaError, match="gone"):
        caption_one(pictures[0], CaptionImages(model=gone, prompt="say"))
