"""Drawing a part of a picture anew, against a loop of plain forward passes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.framing import Framing, Rectangle
from models.generating import (
    ContrastSettings,
    ImageGenerator,
    ImageRequest,
    ImageSample,
    ImageSettings,
    load_image_generator,
)
from models.image_tokens import ImageCodes, TokenizeRequest, load_image_tokenizer
from models.infilling import keep_outside
from models.source import DEFAULT_MODEL, EMBEDDED_FOLDER, resolve_model
from schemas.errors import RowError
from tests.models.drawing_reference import ChameleonReference
from tests.oracles import sampling_formulas as oracle

REGION = Rectangle(top=17, left=24, height=30, width=16)
GREEDY = ImageSettings(temperature=0.0)


@pytest.fixture(scope="module")
def generator() -> ImageGenerator:
    return load_image_generator(resolve_model(DEFAULT_MODEL), device="cpu")


@pytest.fixture(scope="module")
def codes() -> NDArray[np.int32]:
    """A red square on white, as codes."""
    pixels = np.full((64, 64, 3), 240, np.uint8)
    pixels[20:44, 20:44] = (220, 20, 20)
    tokenizer = load_image_tokenizer(resolve_model(DEFAULT_MODEL), device="cpu", decoder=False)
    (found,) = tokenizer.encode(tokenizer.prepare([TokenizeRequest(pixels=pixels)], Framing()))
    assert isinstance(found, ImageCodes)
    return found.codes


def draw(
    generator: ImageGenerator, settings: ImageSettings, *requests: ImageRequest
) -> list[tuple[ImageSample, ...] | RowError]:
    return generator.generate(generator.encode(requests, settings))


def one(found: tuple[ImageSample, ...] | RowError) -> ImageSample:
    assert isinstance(found, tuple), found
    return found[0]


def test_what_a_region_touches_is_drawn(codes: NDArray[np.int32]) -> None:
    kept = keep_outside(codes, REGION, 8)
    drawn = kept == -1
    # Pixels 17 to 47 lie in the rows of codes 2 to 5, pixels 24 to 40 in the columns 3 and 4.
    assert drawn[2:6, 3:5].all()
    assert drawn.sum() == 8
    assert np.array_equal(kept[~drawn], codes[~drawn])
    whole = Rectangle(top=0, left=0, height=64, width=64)
    assert (keep_outside(codes, whole, 8) == -1).all()
    corner = Rectangle(top=63, left=63, height=1, width=1)
    assert np.argwhere(keep_outside(codes, corner, 8) == -1).tolist() == [[7, 7]]


@pytest.mark.parametrize(
    "region",
    [
        Rectangle(top=0, left=0, height=65, width=8),
        Rectangle(top=0, left=-1, height=8, width=8),
        Rectangle(top=60, left=60, height=0, width=4),
    ],
)
def test_regions_outside_the_picture_are_refused(
    codes: NDArray[np.int32], region: Rectangle
) -> None:
    with pytest.raises(RowError, match="64 x 64 pixels"):
        keep_outside(codes, region, 8)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_codes_are_those_of_a_plain_loop(
    generator: ImageGenerator, codes: NDArray[np.int32], guidance: float
) -> None:
    reference = ChameleonReference(EMBEDDED_FOLDER)
    kept = keep_outside(codes, REGION, 8)
    expected = kept.copy()
    prompt = reference.prompt("draw a blue rectangle")
    nothing = reference.prompt("<mask:0>")
    logprobs = []
    for place in np.argwhere(kept == -1):
        step = place[0] * 8 + place[1]
        # What stands behind the code that is drawn has no say: it is filled with anything.
        filled = np.where(expected == -1, 7, expected)
        asked = reference.logits(prompt, filled)[step]
        free = reference.logits(nothing, filled)[step]
        best = int(oracle.guided(free, asked, guidance).argmax())
        expected[tuple(place)] = best
        logprobs.append(asked[best] - np.log(np.exp(asked - asked.max()).sum()) - asked.max())
    request = ImageRequest(prompt="draw a blue rectangle", seed=0, kept=kept)
    settings = ImageSettings(temperature=0.0, guidance=guidance)
    sample = one(draw(generator, settings, request)[0])
    assert np.array_equal(sample.codes, expected)
    assert not np.array_equal(sample.codes, codes)
    assert sample.mean_logprob == pytest.approx(np.mean(logprobs), abs=1e-4)


def test_rows_with_and_without_codes_to_keep_run_together(
    generator: ImageGenerator, codes: NDArray[np.int32]
) -> None:
    kept = keep_outside(codes, REGION, 8)
    settings = ImageSettings(
        guidance=2.0, top_p=0.9, contrast=ContrastSettings(k=3, alpha=0.5, half=True)
    )
    requests = [
        ImageRequest(prompt="draw a blue rectangle", seed=5, samples=4, kept=kept),
        ImageRequest(prompt="draw a red circle", seed=6, samples=2),
        ImageRequest(prompt="draw a green circle", seed=7, kept=np.full_like(kept, -1)),
        ImageRequest(prompt="draw a green circle", seed=7),
    ]
    together = draw(generator, settings, *requests)
    for request, found in zip(requests, together, strict=True):
        (alone,) = draw(generator, settings, request)
        assert isinstance(found, tuple)
        assert isinstance(alone, tuple)
        for sample, other in zip(found, alone, strict=True):
            assert np.array_equal(sample.codes, other.codes)
            assert sample.mean_logprob == pytest.approx(other.mean_logprob, abs=1e-4)
    assert isinstance(together[0], tuple)
    for sample in together[0]:
        assert np.array_equal(sample.codes[kept != -1], codes[kept != -1])
    drawn = [sample.codes[kept == -1].tolist() for sample in together[0]]
    assert drawn[0] != drawn[1]
    # To keep nothing is to draw all.
    assert np.array_equal(one(together[2]).codes, one(together[3]).codes)


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        (np.full((4, 4), -1, np.int32), "8 x 8"),
        (np.zeros((8, 8), np.int32), "one at least"),
        (np.where(np.eye(8) > 0, -1, 512).astype(np.int32), "0 to 511"),
        (np.full((8, 8), -2, np.int32), "0 to 511"),
    ],
)
def test_codes_that_cannot_be_kept_are_refused(
    generator: ImageGenerator, kept: NDArray[np.int32], reason: str
) -> None:
    refused, drawn = draw(
        generator,
        GREEDY,
        ImageRequest(prompt="draw a red circle", seed=0, kept=kept),
        ImageRequest(prompt="draw a red circle", seed=0),
    )
    assert isinstance(refused, RowError)
    assert reason in refused.message
    assert isinstance(drawn, tuple)


@pytest.mark.parametrize(("model_type", "size"), [("emu3", (32, 40)), ("janus", None)])
def test_every_family_keeps_codes(
    checkpoint: Callable[[str], Path], model_type: str, size: tuple[int, int] | None
) -> None:
    drawing = load_image_generator(resolve_model(str(checkpoint(model_type))), device="cpu")
    plain = one(draw(drawing, GREEDY, ImageRequest(prompt="a dog", seed=0, size=size))[0])
    kept = plain.codes.copy()
    kept[1:, 1:] = -1
    # With the codes that it chose itself before, it goes on as it did.
    again = one(
        draw(drawing, GREEDY, ImageRequest(prompt="a dog", seed=0, size=size, kept=kept))[0]
    )
    assert np.array_equal(again.codes[:2, :2], plain.codes[:2, :2])
    assert np.array_equal(again.codes[kept != -1], plain.codes[kept != -1])
    kept[0] = (kept[0] + 1) % 4
    other = one(
        draw(drawing, GREEDY, ImageRequest(prompt="a dog", seed=0, size=size, kept=kept))[0]
    )
    assert np.array_equal(other.codes[0], kept[0])
