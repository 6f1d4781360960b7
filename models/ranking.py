"""How near pictures are to what was asked, to rank them by (arXiv 2309.02591, section 3.1)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.embedding import Embedded, Embedder, EmbedRequest
from schemas.errors import RowError

# Embedded at once: bounds the memory that many pictures take as the encoder's input.
_MOST_AT_ONCE = 64
# Beyond this a score depends on what it was computed beside: equal pictures are to be equal.
_PLACES = 5


def score_pictures(
    texts: Sequence[str], pictures: Sequence[NDArray[np.uint8]], embedder: Embedder
) -> list[float | RowError]:
    """Score each picture by its text.

    Args:
        texts: one a picture; of one that is too long, the encoder reads the beginning.
        pictures: uint8 arrays of shape (height, width, 3), RGB.
        embedder: a dual encoder.

    Returns:
        The cosine of the vectors of picture and text, rounded to five places, or the error of what
        could not be embedded.

    Raises:
        Exception: whatever the model raises, out of memory included.

    """
    asked = list(dict.fromkeys(texts))
    requests = [EmbedRequest(pixels=None, text=text) for text in asked]
    requests += [EmbedRequest(pixels=pixels, text="") for pixels in pictures]
    found: list[Embedded | RowError] = []
    for start in range(0, len(requests), _MOST_AT_ONCE):
        found += embedder.embed(embedder.encode(requests[start : start + _MOST_AT_ONCE]))
    of_text = dict(zip(asked, found[: len(asked)], strict=True))
    return [
        cosine(of_text[text], picture)
        for text, picture in zip(texts, found[len(asked) :], strict=True)
    ]


def cosine(text: Embedded | RowError, picture: Embedded | RowError) -> float | RowError:
    """The cosine of two vectors, rounded to five places; the error of what has none.

    It is their inner product, for vectors have length 1.
    """
    if isinstance(text, RowError):
        return text
    if isinstance(picture, RowError):
        return picture
    return round(float(text.vector @ picture.vector), _PLACES)
