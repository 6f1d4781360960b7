"""Embedding, against what transformers gives when it is used as its documentation says."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModel, AutoProcessor

from models.embedding import Embedded, Embedder, EmbedRequest, load_embedder
from models.source import DEFAULT_ENCODER, resolve_encoder
from schemas.errors import ModelError, RowError
from schemas.failure import FailureKind
from tests.models.checkpoints.dual_encoders import DUAL_ENCODERS, LONGEST_TEXT

ALL = [*DUAL_ENCODERS, DEFAULT_ENCODER]
SHORT, LONG = "describe the big thing", " ".join(f"word{number}" for number in range(30))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    @cache
    def build(name: str) -> str:
        if name == DEFAULT_ENCODER:
            return name
        path = tmp_path_factory.mktemp("dual") / name
        torch.manual_seed(0)
        DUAL_ENCODERS[name](str(path))
        return str(path)

    return build


@pytest.fixture(scope="module")
def embedder(folder: Callable[[str], str]) -> Callable[[str], Embedder]:
    @cache
    def load(name: str) -> Embedder:
        return load_embedder(resolve_encoder(folder(name)), device="cpu")

    return load


def a_picture(seed: int, height: int = 40, width: int = 56) -> NDArray[np.uint8]:
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR))


def embed(model: Embedder, *requests: EmbedRequest) -> list[Embedded | RowError]:
    return model.embed(model.encode(requests))


def vectors(model: Embedder, *requests: EmbedRequest) -> NDArray[np.float32]:
    found = embed(model, *requests)
    return np.stack([one.vector for one in found if isinstance(one, Embedded)])


def plain_transformers(
    folder: str, pixels: NDArray[np.uint8], text: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The unit vectors of one picture and one text, by the library alone."""
    path = resolve_encoder(folder).folder
    assert path is not None
    processor: Any = AutoProcessor.from_pretrained(path)  # type: ignore[no-untyped-call]
    model = AutoModel.from_pretrained(path)
    padding = "max_length" if "siglip" in model.config.model_type else True
    limit = model.config.text_config.max_position_embeddings
    images = processor.image_processor(Image.fromarray(pixels), return_tensors="pt")
    texts = processor.tokenizer(
        [text], padding=padding, truncation=True, max_length=limit, return_tensors="pt"
    )
    with torch.no_grad():
        whole = model(**images, **texts)
    return tuple(
        (vector / vector.norm()).numpy() for vector in (whole.image_embeds[0], whole.text_embeds[0])
    )


@pytest.mark.parametrize("name", ALL)
def test_vectors_are_those_of_the_library(
    name: str, folder: Callable[[str], str], embedder: Callable[[str], Embedder]
) -> None:
    pixels = a_picture(1)
    image, text = plain_transformers(folder(name), pixels, SHORT)
    model = embedder(name)
    ours = vectors(
        model,
        EmbedRequest(pixels=pixels, text=""),
        EmbedRequest(pixels=None, text=SHORT),
        EmbedRequest(pixels=pixels, text=SHORT),
    )
    both = image + text
    expected = np.stack([image, text, both / np.linalg.norm(both)])
    assert ours.dtype == np.float32
    np.testing.assert_allclose((ours * expected).sum(axis=1), 1.0, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_a_row_does_not_depend_on_its_batch(name: str, embedder: Callable[[str], Embedder]) -> None:
    requests = [
        EmbedRequest(pixels=a_picture(1), text=SHORT),
        EmbedRequest(pixels=a_picture(2, 64, 32), text=LONG),
        EmbedRequest(pixels=a_picture(3, 30, 90), text=""),
        EmbedRequest(pixels=None, text="the picture"),
    ]
    together = vectors(embedder(name), *requests)
    alone = np.concatenate([vectors(embedder(name), request) for request in requests])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert np.linalg.norm(together[0] - together[2]) > 0.01


def test_what_a_vector_is_of_and_whether_its_text_was_cut(
    embedder: Callable[[str], Embedder],
) -> None:
    limit = LONGEST_TEXT - 1  # a tokenizer adds one token
    found = embed(
        embedder("clip"),
        EmbedRequest(pixels=a_picture(1), text=SHORT),
        EmbedRequest(pixels=a_picture(1), text="  "),
        EmbedRequest(pixels=None, text=" ".join(["thing"] * limit)),
        EmbedRequest(pixels=None, text=" ".join(["thing"] * (limit + 1))),
    )
    told = [(one.modality, one.text_cut) for one in found if isinstance(one, Embedded)]
    assert told == [("both", False), ("image", False), ("text", False), ("text", True)]


def test_a_row_with_nothing_to_embed_fails_alone(embedder: Callable[[str], Embedder]) -> None:
    first, second = embed(
        embedder("clip"),
        EmbedRequest(pixels=None, text=""),
        EmbedRequest(pixels=None, text=SHORT),
    )
    assert isinstance(first, RowError)
    assert first.kind is FailureKind.INVALID_ROW
    assert isinstance(second, Embedded)


def test_numbers_that_overflow_fail_their_row(
    embedder: Callable[[str], Embedder], monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = embedder("clip")
    overflown = torch.full((1, 16), math.inf)
    monkeypatch.setattr(model._model, "get_text_features", lambda **_: overflown)
    (found,) = embed(model, EmbedRequest(pixels=None, text=SHORT))
    assert isinstance(found, RowError)
    assert found.kind is FailureKind.MODEL_ERROR


def test_a_model_that_describes_is_refused() -> None:
    with pytest.raises(ModelError, match="chameleon, which does not embed pictures and texts"):
        resolve_encoder("calumma-tiny")


def test_weights_that_are_not_there_are_refused(tmp_path: Path) -> None:
    DUAL_ENCODERS["clip"](str(tmp_path))
    model: Any = AutoModel.from_pretrained(tmp_path)
    state = {name: value for name, value in model.state_dict().items() if "text_proj" not in name}
    model.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(ModelError, match=r"lacks 1 of its weights \(such as text_projection"):
        load_embedder(resolve_encoder(str(tmp_path)), device="cpu")
