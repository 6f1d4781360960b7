"""Re-ranking, against the cosines that transformers' own CLIP gives."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModel, AutoProcessor

from models.embedding import Embedder, load_embedder
from models.ranking import DrawnOfPrompt, Ranking, rank_pictures
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
    # More pictures than are embedded at once, so that groups of them are cut apart.
    prompts = {"a red circle": pictures[:75], "a teal rectangle": pictures[75:]}
    drawn = [DrawnOfPrompt(prompt=prompt, pictures=tuple(some)) for prompt, some in prompts.items()]
    for (prompt, some), ranking in zip(
        prompts.items(), rank_pictures(drawn, embedder), strict=True
    ):
        assert isinstance(ranking, Ranking)
        expected = library_cosines(prompt, some)
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(ranking.scores, expected, atol=1e-4)
        by_rank = ranking.scores[np.argsort(ranking.ranks)]
        assert (np.diff(by_rank) <= 0).all()
        assert sorted(ranking.ranks) == list(range(1, len(some) + 1))


def test_equal_pictures_keep_their_order_whatever_is_beside_them(
    embedder: Embedder, pictures: NDArray[np.uint8]
) -> None:
    one = DrawnOfPrompt(prompt="a red circle", pictures=(pictures[0], pictures[1], pictures[0]))
    many = DrawnOfPrompt(prompt="a green triangle", pictures=tuple(pictures[:70]))
    (alone,) = rank_pictures([one], embedder)
    beside = rank_pictures([many, one], embedder)[1]
    assert isinstance(alone, Ranking)
    assert isinstance(beside, Ranking)
    assert alone.scores[0] == alone.scores[2]
    assert alone.ranks[2] == alone.ranks[0] + 1
    np.testing.assert_array_equal(alone.ranks, beside.ranks)
    np.testing.assert_allclose(alone.scores, beside.scores, atol=1.1e-5)


def test_one_that_cannot_be_embedded_fails_alone(
    embedder: Embedder, pictures: NDArray[np.uint8]
) -> None:
    empty = DrawnOfPrompt(prompt=" ", pictures=(pictures[0],))
    good = DrawnOfPrompt(prompt="a red circle", pictures=(pictures[0],))
    error, ranking = rank_pictures([empty, good], embedder)
    assert isinstance(error, RowError)
    assert error.kind is FailureKind.INVALID_ROW
    assert isinstance(ranking, Ranking)
    assert ranking.ranks.tolist() == [1]
