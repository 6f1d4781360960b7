"""Requests that say more than a text, by the command line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.framing import Framing
from models.generating import ImageRequest, ImageSettings, load_image_generator
from models.image_tokens import ImageCodes, TokenizeRequest, load_image_tokenizer
from models.source import DEFAULT_MODEL, resolve_model
from tests.end_to_end.conftest import RunJson, read_table
from tests.end_to_end.test_generate import Draw, check_drawn, samples_of, write_requests


@pytest.fixture(scope="module")
def draw() -> Draw:
    """Draw one request by itself with the bare sampler."""
    generator = load_image_generator(resolve_model(DEFAULT_MODEL), device="cpu")

    def call(request: ImageRequest, settings: ImageSettings) -> list[tuple[list[int], float, bool]]:
        (samples,) = generator.generate(generator.encode([request], settings))
        assert isinstance(samples, tuple), samples
        return [
            (one.codes.reshape(-1).tolist(), one.mean_logprob, one.contrasted) for one in samples
        ]

    return call


def test_boxes_structures_and_masks_are_drawn(
    pictures: Path, tmp_path: Path, run_json: RunJson, draw: Draw
) -> None:
    picture = str(pictures / "0001.png")
    box = {"label": "a red circle", "box": [8, 8, 40, 40]}
    rows: list[dict[str, Any]] = [
        {"id": "boxes", "prompt": "a circle", "boxes": [box]},
        {"id": "structure", "prompt": "a circle", "structure": picture, "feature": "edge"},
        {"id": "mask", "prompt": "a blue circle", "uri": picture, "mask": [16, 0, 64, 40]},
        {"id": "outside", "prompt": "a circle", "uri": picture, "mask": [16, 0, 65, 40]},
    ]
    path, out = write_requests(tmp_path / "requests.jsonl", rows), tmp_path / "out"
    run_json("generate", path, out, "--samples", 2, "--max-failure-rate", 1)
    found = samples_of(out)
    assert {name for name, _ in found} == {"boxes", "structure", "mask"}
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))
    tokenizer = load_image_tokenizer(resolve_model(DEFAULT_MODEL), device="cpu", decoder=False)
    (encoded,) = tokenizer.encode(tokenizer.prepare([TokenizeRequest(pixels=pixels)], Framing()))
    assert isinstance(encoded, ImageCodes)
    kept = encoded.codes.copy()
    kept[0:5, 2:8] = -1
    grounded = (
        "Generate high quality image of a circle with segmentations a red circle at location "
        "(8, 8) -> (40, 40)"
    )
    lead = "Make high quality image from edge features"
    expected: dict[str, tuple[str, dict[str, Any]]] = {
        "boxes": (grounded, {"prompt": grounded}),
        "structure": (
            f"{lead} <break> a circle",
            {"prompt": "a circle", "lead": lead, "images": (pixels,)},
        ),
        "mask": ("draw a blue circle", {"prompt": "draw a blue circle", "kept": kept}),
    }
    for name, (told, request) in expected.items():
        samples = [found[name, 0], found[name, 1]]
        assert {row["prompt"] for row in samples} == {told}
        asked = ImageRequest(seed=samples[0]["seed"], samples=2, **request)
        check_drawn(samples, draw(asked, ImageSettings()))
    masked = [np.reshape(found["mask", number]["codes"], (8, 8)) for number in (0, 1)]
    for codes in masked:
        assert np.array_equal(codes[kept != -1], encoded.codes[kept != -1])
    assert not np.array_equal(masked[0], masked[1])
    # The picture that is drawn on is told of as those are that are shown.
    assert found["mask", 0]["shown"] == [picture]
    failures = read_table(out, "failures")
    assert {row["asset_id"] for row in failures} == {"outside"}
    assert all("not inside the picture of 64 x 64 pixels" in row["message"] for row in failures)
