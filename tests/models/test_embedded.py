"""The embedded model on easy-vqa's test pictures."""

import json
from pathlib import Path

import easy_vqa
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.describing import DecodingSettings, Describer
from models.prompts import fill_question, prompts_for
from tests.models.rows import described, request

_TEST_SPLIT = Path(easy_vqa.__file__).parent / "data" / "test"
_SETTINGS = DecodingSettings(max_new_tokens=32)


def _picture(number: int) -> NDArray[np.uint8]:
    return np.asarray(Image.open(_TEST_SPLIT / "images" / f"{number}.png").convert("RGB"))


@pytest.mark.parametrize("scale", [1, 5])
def test_it_captions_pictures_it_has_never_seen(embedded: Describer, scale: int) -> None:
    expected = ["a red triangle", "a yellow rectangle", "a blue triangle", "a yellow circle"]
    prompt = prompts_for(embedded.source).short_caption
    rows = [
        request(_picture(number).repeat(scale, axis=0).repeat(scale, axis=1), prompt=prompt)
        for number in range(len(expected))
    ]
    assert [described(result).text for result in embedded.describe(rows, _SETTINGS)] == expected


def test_it_describes_in_detail(embedded: Describer) -> None:
    row = request(_picture(0), prompt=prompts_for(embedded.source).long_caption)
    result = described(embedded.describe([row], _SETTINGS)[0])
    assert result.text == (
        "a small red triangle in the bottom left of the image, drawn on a light background."
    )
    assert result.finish_reason == "stop"


def test_it_answers_questions(embedded: Describer) -> None:
    questions = json.loads((_TEST_SPLIT / "questions.json").read_text())[:200]
    template = prompts_for(embedded.source).question
    rows = [
        request(_picture(number), prompt=fill_question(template, question))
        for question, _, number in questions
    ]
    answers = [described(result).text for result in embedded.describe(rows, _SETTINGS)]
    right = sum(
        answer == expected for answer, (_, expected, _) in zip(answers, questions, strict=True)
    )
    assert right >= 180


def test_it_is_sure_of_what_it_knows_and_less_of_noise(embedded: Describer) -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(20)]
    known, unknown = (
        [
            described(result).mean_logprob
            for result in embedded.describe(
                [request(one, prompt="describe briefly") for one in pictures], _SETTINGS
            )
        ]
        for pictures in (list(map(_picture, range(20))), noise)
    )
    assert max(unknown) < 10 * min(known) < 0
    assert max(unknown) < -0.005
