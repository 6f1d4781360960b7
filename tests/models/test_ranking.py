"""Re-ranking, against the cosines that transformers' own CLIP gives."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModel, AutoProcessor

from models.embedding import Embedder, load_embedder
from models.ranking import score_pictures
from models.source import DEFAULT_ENCODER, resolve_encoder
from schemas.errors import RowError
from schemas.failure import FailureKind
from training.pictures import read_pictures


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder(resolve_encoder(DEFAULT_ENCODER), device="cpu")


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    return read_pictures("test").pixels[:90]


def library_cosines(prompt: str, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What the library's own forward pass says, with its scale taken off."""
    folder = resolve_encoder(DEFAULT_ENCODER).folder
    assert folder is not None
    processor: Any = AutoProcessor.from_pretrained(folder)  # type: ignore[no-untyped-call]
    model: Any = AutoModel.from_pretrained(folder)
    images = [Image.fromarray(pixels) for pixels in pictures]
    inputs = processor(text=[prompt], images=images, return_tensors="pt", padding=True)
    with torch.no_grad():
        logits = model(**inputs).logits_per_image[:, 0] / model.logit_scale.exp()
    return np.asarray(logits.double())


def test_scores_are_the_librarys_cosines(embedder: Embedder, pictures: NDArray[np.uint8]) -> None:
    # More pictures than are embedded at once, and texts that come again.
    prompts = [("a red circle", "a teal rectangle", "blue")[number % 3] for number in range(90)]
    scores = score_pictures(prompts, list(pictures), embedder)
    expected = np.empty(90)
    for prompt in set(prompts):
        rows = [row for row, one in enumerate(prompts) if one == prompt]
        expected[rows] = library_cosines(prompt, pictures[rows])
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(np.array(scores, np.float64), expected, atol=1e-4)


def test_equal_pictures_have_equal_scores_whatever_is_beside_them(
    embedder: Embedder, pictures: NDArray[np.uint8]
) -> None:
    alone = score_pictures(["a red circle"], [pictures[0]], embedder)
    beside = score_pictures(
        ["a green triangle"] * 70 + ["a red circle"] * 2,
        [*pictures[1:71], pictures[0], pictures[0]],
        embedder,
    )
    assert beside[-1] == beside[-2]
    np.testing.assert_allclose(np.array(beside[-1:]), np.array(alone), atol=1.1e-5)


def test_one_that_cannot_be_embedded_fails_alone(
    embedder: Embedder, pictures: NDArray[np.uint8]
) -> None:
    error, score = score_pictures([" ", "a red circle"], list(pictures[:2]), embedder)
    assert isinstance(error, RowError)
    assert error.kind is FailureKind.INVALID_ROW
    assert isinstance(score, float)
