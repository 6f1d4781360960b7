"""Vectors of calumma-clip: easy-VQA's pictures, and parts of them."""

import easy_vqa
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from models.embedding import Embedded, EmbedRequest, load_embedder
from models.source import resolve_encoder

_BATCH = 256
_LEAST_SHARE = 0.6


def own_vectors(count: int, queries: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embed parts of training pictures, and parts of test pictures to search with.

    A part is a square of at least 0.6 of the picture's side, drawn at random.

    Returns:
        Float32 arrays of shape (count, 64) and (queries, 64), of length 1.

    """
    train = list(easy_vqa.get_train_image_paths().values())
    test = list(easy_vqa.get_test_image_paths().values())
    return _embedded(train, count, seed=1), _embedded(test, queries, seed=2)


def _embedded(paths: list[str], count: int, *, seed: int) -> NDArray[np.float32]:
    embedder = load_embedder(resolve_encoder("calumma-clip"))
    generator = np.random.default_rng(seed)
    pictures = []
    for path in paths:
        with Pillow.open(path) as picture:
            pictures.append(np.asarray(picture.convert("RGB")))
    found = []
    for start in range(0, count, _BATCH):
        parts = []
        for number in range(start, min(start + _BATCH, count)):
            whole = pictures[number % len(pictures)]
            side = round(min(whole.shape[:2]) * generator.uniform(_LEAST_SHARE, 1))
            top, left = (int(generator.integers(edge - side + 1)) for edge in whole.shape[:2])
            parts.append(
                EmbedRequest(
                    pixels=np.ascontiguousarray(whole[top : top + side, left : left + side]),
                    text="",
                )
            )
        embedded = embedder.embed(embedder.encode(parts))
        found += [one.vector for one in embedded if isinstance(one, Embedded)]
    vectors = np.stack(found)
    assert len(vectors) == count
    return vectors
