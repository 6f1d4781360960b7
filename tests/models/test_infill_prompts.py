"""Captions by infilling, against a plain loop over the checkpoint's own processor."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from easy_vqa import get_test_image_paths, get_test_questions
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from models.describing import DecodingSettings, DescribeRequest, Description, load_describer
from models.infill_prompts import Sentinels, check_infills, sentinels_of
from models.source import DEFAULT_MODEL, EMBEDDED_FOLDER, resolve_model
from schemas.errors import ModelError, RowError, UsageError

SETTINGS = DecodingSettings(max_new_tokens=4)


def circles(count: int) -> list[tuple[str, Path]]:
    """Pictures of which the questions say that they show a circle, with its colour."""
    questions, answers, ids = get_test_questions()
    shapes, colors = {}, {}
    for question, answer, number in zip(questions, answers, ids, strict=True):
        if question == "what shape is in the image?":
            shapes[number] = answer
        if question.startswith("what color is"):
            colors[number] = answer
    paths = get_test_image_paths()
    found = [
        (colors[number], paths[number])
        for number in sorted(colors)
        if shapes.get(number) == "circle"
    ]
    return found[:count]


def test_a_text_is_filled_in_as_by_a_plain_loop() -> None:
    pictures = circles(24)
    images = [Image.open(path).convert("RGB") for _, path in pictures]
    loader: Any = AutoProcessor
    processor = loader.from_pretrained(EMBEDDED_FOLDER)
    loaded: Any = AutoModelForImageTextToText.from_pretrained(EMBEDDED_FOLDER, dtype=torch.float32)
    expected = []
    for image in images:
        inputs = processor(
            images=[image],
            text=["a <mask:0> circle<image><infill><mask:0>"],
            return_for_text_completion=True,
            return_tensors="pt",
        )
        with torch.no_grad():
            ids = loaded.generate(**inputs, max_new_tokens=4, do_sample=False)
        told = ids[0, inputs["input_ids"].shape[1] :]
        expected.append(processor.tokenizer.decode(told, skip_special_tokens=True).strip())
    model = load_describer(resolve_model(DEFAULT_MODEL), device="cpu")
    filling = [
        DescribeRequest(images=(np.asarray(image),), prompt="a <mask> circle", seed=0)
        for image in images
    ]
    # Beside rows that are asked in the ordinary way, in one batch.
    plain = DescribeRequest(images=filling[0].images, prompt="describe briefly", seed=0)
    *filled, described = model.describe([*filling, plain], SETTINGS)
    texts = [one.text for one in filled if isinstance(one, Description)]
    assert texts == expected
    right = [text == color for text, (color, _) in zip(texts, pictures, strict=True)]
    assert np.mean(right) >= 0.9
    assert isinstance(described, Description)
    assert described.text == f"a {pictures[0][0]} circle"


def test_sentinels_are_those_of_the_vocabulary() -> None:
    numbered = Sentinels(mask="<mask:0>", begin="<infill><mask:0>")
    assert sentinels_of({"<infill>", "<mask:0>", "<mask:1>", "a"}) == numbered
    plain = Sentinels(mask="<mask>", begin="<infill>")
    assert sentinels_of({"<infill>", "<mask>"}) == plain
    assert plain.write("Image of <mask>:", " <image>") == "Image of <mask>: <image><infill>"
    assert sentinels_of({"<mask>"}) is None
    assert sentinels_of({"<infill>"}) is None


def test_models_that_cannot_fill_in_are_refused(checkpoint: Callable[[str], Path]) -> None:
    source = resolve_model(str(checkpoint("chameleon")))
    with pytest.raises(ModelError, match="not made for infilling"):
        check_infills(source, "a <mask> circle")
    check_infills(source, "a circle")
    with pytest.raises(UsageError, match="once"):
        check_infills(resolve_model(DEFAULT_MODEL), "<mask> and <mask>")
    picture = np.zeros((64, 64, 3), np.uint8)
    model = load_describer(source, device="cpu")
    request = DescribeRequest(images=(picture,), prompt="a <mask>", seed=0)
    (refused,) = model.describe([request], SETTINGS)
    assert isinstance(refused, RowError)
    assert "not made for infilling" in refused.message
    embedded = load_describer(resolve_model(DEFAULT_MODEL), device="cpu")
    twice = DescribeRequest(images=(picture,), prompt="<mask> <mask>", seed=0)
    (refused,) = embedded.describe([twice], SETTINGS)
    assert isinstance(refused, RowError)
    assert "2 times" in refused.message
