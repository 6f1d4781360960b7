"""What drawing gives for a task."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.generating import ImageSample
from schemas.generation_request import GenerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A picture that the model was shown: where it is, what it was, under which licence."""

    uri: str
    sha256: str
    license: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """One sample of a request.

    Attributes:
        request: what was asked.
        number: of the sample.
        edits: whether it is made of source pictures.
        sample: its codes, and what the model says of them.
        tokenizer_hash: of what makes pixels of codes.
        height: of the picture in pixels; ``width`` too.
        pixels: uint8 array of shape (height, width, 3), RGB; None once it is encoded.
        image: the picture, encoded; empty before.
        media_type: how it is encoded.
        shown: the pictures that the model was shown.
        neighbors: ids of the documents that it was shown, the nearest first.
        rank: place among the request's samples, from 1.
        score: by which they are ranked; None where they are not.

    """

    request: GenerationRequest
    number: int
    edits: bool
    sample: ImageSample
    tokenizer_hash: str
    height: int
    width: int
    pixels: NDArray[np.uint8] | None
    shown: tuple[Shown, ...]
    neighbors: tuple[str, ...] = ()
    image: bytes = b""
    media_type: str = ""
    rank: int = 0
    score: float | None = None
