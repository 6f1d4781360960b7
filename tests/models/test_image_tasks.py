"""Prompts of tasks, against the paper's templates written out (arXiv 2309.02591, table 5)."""

import numpy as np
import pytest

from models.generating import ImageRequest, ImageSettings, load_image_generator
from models.image_tasks import grounded_prompt, structure_lead
from models.source import DEFAULT_MODEL, EMBEDDED_FOLDER, resolve_model
from schemas.errors import RowError
from schemas.generation_request import Box
from tests.models.drawing_reference import ChameleonReference


def test_things_stand_in_their_places() -> None:
    bottle = Box(label="bottle", left=199, top=130, right=204, bottom=150)
    assert grounded_prompt("a table", [bottle]) == (
        "Generate high quality image of a table with segmentations bottle at location "
        "(199, 130) -> (204, 150)"
    )
    dog = Box(label="dog {0}", left=0, top=1, right=2, bottom=3)
    assert grounded_prompt("a {caption} of {objects}", [bottle, dog]) == (
        "Generate high quality image of a {caption} of {objects} with segmentations bottle at "
        "location (199, 130) -> (204, 150), dog {0} at location (0, 1) -> (2, 3)"
    )


def test_a_structure_is_named_before_its_picture() -> None:
    assert structure_lead("edge") == "Make high quality image from edge features"


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_the_lead_stands_before_the_picture_and_the_caption_behind_it(guidance: float) -> None:
    reference = ChameleonReference(EMBEDDED_FOLDER)
    generator = load_image_generator(resolve_model(DEFAULT_MODEL), device="cpu")
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[20:40, 20:40] = 255
    # Words that the embedded model knows, or lead and caption would say nothing.
    request = ImageRequest(
        prompt="make it blue", seed=0, images=(picture,), lead="is there a circle ?"
    )
    settings = ImageSettings(temperature=0.0, guidance=guidance)
    (found,) = generator.generate(generator.encode([request], settings))
    assert isinstance(found, tuple)
    # <bos> <begin> picture <end> caption <separator> <begin>, with the lead after <bos>.
    plain = reference.prompt("make it blue", picture)
    lead = reference.processor.tokenizer("is there a circle ?", add_special_tokens=False)
    asked = reference.logits([plain[0], *lead["input_ids"], *plain[1:]], found[0].codes)
    free = reference.logits(reference.prompt("<mask:0>", picture), found[0].codes)
    guided = free + guidance * (asked - free)
    for row, code in zip(guided, found[0].codes.flatten(), strict=True):
        assert row[code] >= row.max() - 1e-4


def test_a_lead_may_not_hold_what_stands_for_a_picture() -> None:
    generator = load_image_generator(resolve_model(DEFAULT_MODEL), device="cpu")
    picture = np.zeros((64, 64, 3), np.uint8)
    request = ImageRequest(prompt="a circle", seed=0, images=(picture,), lead="a <image> b")
    (refused,) = generator.generate(generator.encode([request], ImageSettings()))
    assert isinstance(refused, RowError)
    assert "<image>" in refused.message
