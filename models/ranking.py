"""Ranking the pictures drawn of one prompt by how near they are to it (arXiv 2309.02591, 3.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.embedding import Embedded, Embedder, EmbedRequest
from schemas.errors import RowError

# Embedded at once: the pictures of a batch of requests are several times the batch.
_MOST_AT_ONCE = 64
# Beyond this a score depends on what it was computed beside: equal pictures are to be equal.
_PLACES = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnOfPrompt:
    """All pictures drawn of a prompt.

    Attributes:
        prompt: what was asked; of a long one, the encoder reads the beginning.
        pictures: uint8 arrays of shape (height, width, 3), RGB; at least one.

    """

    prompt: str
    pictures: tuple[NDArray[np.uint8], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """How near pictures are to their prompt.

    Attributes:
        scores: float32 array of shape (pictures,): cosine of the vectors of picture and prompt,
            rounded to five places.
        ranks: int64 array of shape (pictures,): 1 for the best, each once; of equal scores the
            earlier picture is the better.

    """

    scores: NDArray[np.float32]
    ranks: NDArray[np.int64]


def rank_pictures(drawn: Sequence[DrawnOfPrompt], embedder: Embedder) -> list[Ranking | RowError]:
    """Rank the pictures of each prompt among themselves.

    Args:
        drawn: of any number of prompts; memory is bounded.
        embedder: a dual encoder.

    Returns:
        A ranking for each, in order, or the error of one that could not be embedded.

    Raises:
        Exception: whatever the model raises, out of memory included.

    """
    requests = [
        request
        for one in drawn
        for request in (
            EmbedRequest(pixels=None, text=one.prompt),
            *(EmbedRequest(pixels=pixels, text="") for pixels in one.pictures),
        )
    ]
    found: list[Embedded | RowError] = []
    for start in range(0, len(requests), _MOST_AT_ONCE):
        some = requests[start : start + _MOST_AT_ONCE]
        found += embedder.embed(embedder.encode(some))
    rankings = []
    start = 0
    for one in drawn:
        stop = start + 1 + len(one.pictures)
        rankings.append(_ranking(found[start:stop]))
        start = stop
    return rankings


def _ranking(found: Sequence[Embedded | RowError]) -> Ranking | RowError:
    """Rank the vectors of pictures by that of their prompt, which is the first."""
    vectors = []
    for one in found:
        if isinstance(one, RowError):
            return one
        vectors.append(one.vector)
    cosines = np.stack(vectors[1:]) @ vectors[0]
    scores = cosines.astype(np.float64).round(_PLACES).astype(np.float32)
    order = np.argsort(-scores, kind="stable")
    ranks = np.empty(len(scores), np.int64)
    ranks[order] = np.arange(1, len(scores) + 1)
    return Ranking(scores=scores, ranks=ranks)
