"""The CLIP inside the package, loaded with transformers alone, on easy-vqa's test pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModel, AutoProcessor

import models
from training.captions import COLORS, SHAPES
from training.clip_accuracy import accuracy_of
from training.pictures import Pictures, read_pictures

_FOLDER = Path(models.__file__).parent / "clip"


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModel.from_pretrained(_FOLDER)


@pytest.fixture(scope="module")
def processor() -> Any:
    return AutoProcessor.from_pretrained(_FOLDER)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def tested() -> Pictures:
    return read_pictures("test")


def _texts(model: Any, processor: Any, texts: list[str]) -> NDArray[np.float32]:
    inputs = processor(text=texts, padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        vectors = model.get_text_features(**inputs).pooler_output
    return np.asarray(torch.nn.functional.normalize(vectors, dim=-1))


def _pictures(model: Any, processor: Any, pictures: list[Any]) -> NDArray[np.float32]:
    inputs = processor(images=pictures, return_tensors="pt")
    with torch.inference_mode():
        vectors = model.get_image_features(**inputs).pooler_output
    return np.asarray(torch.nn.functional.normalize(vectors, dim=-1))


def test_it_names_pictures_that_it_has_never_seen() -> None:
    found = accuracy_of(_FOLDER)
    assert found.pictures == 880
    assert found.look >= 0.95
    assert found.color >= 0.98
    assert found.long_look >= 0.95
    assert found.long_whole >= 0.8


@pytest.mark.parametrize(
    "form",
    [
        "a {color} {shape}",
        "A {color} {shape}.",
        "the {color} {shape}",
        "a {color} {shape} in the bottom left of the image",
        "a large {color} {shape} in the center of the image, drawn on a light background.",
    ],
)
def test_captions_find_pictures_of_their_colour_and_shape(
    model: Any, processor: Any, tested: Pictures, form: str
) -> None:
    looks = [(color, shape) for color in range(len(COLORS)) for shape in range(len(SHAPES))]
    texts = [form.format(color=COLORS[color], shape=SHAPES[shape]) for color, shape in looks]
    vectors = _pictures(model, processor, list(tested.pixels))
    nearest = (_texts(model, processor, texts) @ vectors.T).argmax(1)
    found = list(zip(tested.colors[nearest], tested.shapes[nearest], strict=True))
    assert found == looks


def test_upper_case_is_lower_case_and_no_word_is_unknown(processor: Any) -> None:
    tokenizer = processor.tokenizer
    assert tokenizer("A quick red Fox")["input_ids"] == tokenizer("a quick red fox")["input_ids"]
    ids = tokenizer("A quick red F\u00f6x")["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == "a quick red f\u00f6x"
    assert (ids[0], ids[-1]) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    # CLIPModel takes 2 for an old configuration's mistake.
    assert tokenizer.eos_token_id == 3
    assert tokenizer.pad_token_id == 0


def test_a_text_that_is_too_long_is_cut_to_the_positions_with_its_end(
    model: Any, processor: Any
) -> None:
    positions = model.config.text_config.max_position_embeddings
    assert processor.tokenizer.model_max_length == positions
    ids = processor(text="a red circle " * 30, truncation=True)["input_ids"]
    assert len(ids) == positions
    assert ids[-1] == processor.tokenizer.eos_token_id
    assert _texts(model, processor, ["red " * 50]).shape == (1, 64)


def test_padding_changes_nothing(model: Any, processor: Any) -> None:
    long = "a small red circle in the top left of the image, drawn on a light background."
    alone = _texts(model, processor, ["a red circle"])
    beside = _texts(model, processor, ["a red circle", long])[:1]
    np.testing.assert_allclose(alone, beside, atol=1e-5)


def test_pictures_of_other_sizes_and_modes_are_scaled_whole(
    model: Any, processor: Any, tested: Pictures
) -> None:
    small = tested.pixels[:24]
    known = _pictures(model, processor, list(small))
    for size in [(128, 128), (640, 640), (300, 200)]:
        scaled = [Image.fromarray(pixels).resize(size) for pixels in small]
        again = _pictures(model, processor, scaled)
        assert ((known * again).sum(1) > 0.9).mean() > 0.9
    inputs = processor(images=[Image.fromarray(small[0])], return_tensors="pt")
    expected = small[0].transpose(2, 0, 1) / 127.5 - 1
    np.testing.assert_allclose(inputs["pixel_values"][0], expected, atol=1e-5)


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in _FOLDER.iterdir()) < 6_000_000
