"""Default prompts, and what a model's own folder says instead."""

from dataclasses import replace
from pathlib import Path

import pytest

from models.prompts import PromptSet, fill_question, prompts_for
from models.source import DEFAULT_MODEL, ModelSource, resolve_model
from schemas.errors import ModelError


def _source(folder: Path, model_type: str) -> ModelSource:
    return ModelSource(name="x", location=str(folder), revision="0", model_type=model_type)


@pytest.mark.parametrize(
    ("model_type", "short_caption", "question"),
    [
        ("paligemma", "caption en", "answer en {question}"),
        ("florence2", "<CAPTION>", "{question}"),
        ("blip-2", "a photo of", "Question: {question} Answer:"),
        ("instructblip", "A short image description:", "Question: {question} Short answer:"),
    ],
)
def test_families_are_asked_as_they_were_trained(
    tmp_path: Path, model_type: str, short_caption: str, question: str
) -> None:
    prompts = prompts_for(_source(tmp_path, model_type))
    assert prompts.short_caption == short_caption
    assert prompts.question == question


@pytest.mark.parametrize("model_type", ["llava", "qwen2_vl", "never_heard_of"])
def test_chat_models_are_given_instructions(tmp_path: Path, model_type: str) -> None:
    prompts = prompts_for(_source(tmp_path, model_type))
    assert prompts.short_caption != prompts.long_caption
    assert "{question}" in prompts.question


def test_the_embedded_model_says_what_it_was_trained_on() -> None:
    assert prompts_for(resolve_model(DEFAULT_MODEL)) == PromptSet(
        short_caption="describe briefly",
        long_caption="describe in detail",
        question="{question}",
        draw="draw {prompt}",
    )


def test_a_folder_may_override_some_prompts(tmp_path: Path) -> None:
    source = _source(tmp_path, "paligemma")
    (tmp_path / "calumma.json").write_text('{"prompts": {"short_caption": "cap de"}}')
    family = prompts_for(_source(tmp_path / "elsewhere", "paligemma"))
    assert prompts_for(source) == replace(family, short_caption="cap de")


@pytest.mark.parametrize(
    "content",
    [
        '{"prompts": {"caption": "x"}}',
        '{"prompts": {"short_caption": 1}}',
        '{"prompts": []}',
        '{"prompts": {"question": "answer it"}}',
        "no json",
    ],
)
def test_overrides_that_make_no_sense_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "calumma.json").write_text(content)
    with pytest.raises(ModelError, match=r"calumma\.json"):
        prompts_for(_source(tmp_path, "llava"))


def test_questions_are_taken_as_they_are() -> None:
    assert fill_question("Q: {question} {x} A:", "is {this} {question}?") == (
        "Q: is {this} {question}? {x} A:"
    )
