"""Worked examples before what is asked: pictures with texts, or texts alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models.describing import Describer, DescribeRequest, Example, load_describer
from models.source import resolve_model
from schemas.errors import RowError
from schemas.failure import FailureKind
from tests.models.altered import copy_of
from tests.models.checkpoints.families import BUILDERS, CHAT_PICTURES, ONE_PICTURE
from tests.models.reference import Reference, assert_by
from tests.models.rows import GREEDY, assert_same, described, noise, request

_FIRST = Example(name="a", pixels=noise(64, 64, 11), prompt="describe it", text="word1 word2")
_SECOND = Example(name="b", pixels=noise(40, 56, 12), prompt="describe", text="big thing word3")
_TEXTS_ALONE = (*ONE_PICTURE, "paligemma")
_TAKE_EXAMPLES = [family for family in BUILDERS if family != "florence2"]


def _with(*examples: Example, seed: int = 1, prompt: str = "what is it") -> DescribeRequest:
    return replace(request(noise(64, 64, seed), prompt=prompt), examples=examples)


@pytest.mark.parametrize("family", _TAKE_EXAMPLES)
def test_examples_are_part_of_what_the_model_is_asked(
    describer: Callable[[str], Describer], reference: Callable[[str], Reference], family: str
) -> None:
    model = describer(family)
    assert model.shows_examples == (family not in _TEXTS_ALONE)
    rows = [_with(_FIRST, _SECOND), _with(), _with(_SECOND, seed=2), _with(_SECOND, _FIRST)]
    batch = model.describe(rows, GREEDY)
    assert_same(batch, [model.describe([row], GREEDY)[0] for row in rows])
    for row, result in zip(rows, map(described, batch), strict=True):
        assert result.examples == tuple(example.name for example in row.examples)
        assert_by(reference(family), row, result, greedy=True)
    scores = {round(described(result).mean_logprob, 5) for result in batch}
    assert len(scores) == len(rows)


@pytest.mark.parametrize("family", ["chameleon", *CHAT_PICTURES])
def test_the_pictures_of_examples_are_looked_at(
    describer: Callable[[str], Describer], family: str
) -> None:
    model = describer(family)
    assert _FIRST.pixels is not None
    other = replace(_FIRST, pixels=255 - _FIRST.pixels)
    one, two = map(described, model.describe([_with(_FIRST), _with(other)], GREEDY))
    assert abs(one.mean_logprob - two.mean_logprob) > 1e-5


def test_a_model_that_reads_its_own_prompts_alone_takes_no_examples(
    describer: Callable[[str], Describer],
) -> None:
    refused, asked = describer("florence2").describe([_with(_FIRST), _with()], GREEDY)
    assert isinstance(refused, RowError)
    assert refused.kind is FailureKind.INVALID_ROW
    assert "florence2" in refused.message
    assert described(asked).examples == ()


@pytest.mark.parametrize("family", ["llava", "chameleon", "mllama", "emu3", "paligemma"])
def test_examples_that_do_not_fit_are_left_out_the_first_one_first(
    describer: Callable[[str], Describer], family: str
) -> None:
    model = describer(family)
    long = replace(_FIRST, name="long", text="word1 " * 600)
    rows = [_with(_FIRST), _with(long, _SECOND), _with(_SECOND, long), _with(prompt="what " * 600)]
    fits, shorter, none, too_long = model.describe(rows, GREEDY)
    assert described(shorter).examples == ("b",)
    assert described(none).examples == ()
    assert isinstance(too_long, RowError)
    assert too_long.kind is FailureKind.PROMPT_TOO_LONG
    assert_same(
        [fits, shorter, none], model.describe([_with(_FIRST), _with(_SECOND), _with()], GREEDY)
    )


@pytest.mark.parametrize("family", ["llava", "chameleon", "paligemma"])
def test_what_stands_for_a_picture_is_left_out_of_texts(
    describer: Callable[[str], Describer], family: str
) -> None:
    model = describer(family)
    hostile = replace(_FIRST, text="word1 <image> word2")
    assert_same(model.describe([_with(hostile)], GREEDY), model.describe([_with(_FIRST)], GREEDY))


def test_a_template_that_takes_no_turns_of_its_own_gets_the_texts(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    template = (
        "{% for part in messages[-1].content %}{% if part.type == 'image' %}<image> "
        "{% else %}{{ part.text }}{% endif %}{% endfor %}"
    )
    folder = copy_of(checkpoint("llava"), tmp_path)
    (folder / "chat_template.jinja").write_text(template)
    model = load_describer(resolve_model(str(folder)), device="cpu")
    assert not model.shows_examples
    texts = "Similar pictures show: word1 word2; big thing word3\nwhat is it"
    assert_same(
        model.describe([_with(_FIRST, _SECOND)], GREEDY),
        model.describe([_with(prompt=texts)], GREEDY),
    )
