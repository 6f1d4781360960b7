"""Making pictures of codes, and comparing them with the pictures that the codes were made of."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from models.framing import Framing, Rectangle, Rule
from models.image_tokens import (
    ImageCodes,
    ImageTokenizer,
    TokenizeRequest,
    load_image_tokenizer,
)
from schemas.errors import RowError
from schemas.image_tokens import ImageTokens
from storage.encode_image import encode_image
from transforms.items import Task
from transforms.reconstructed import Reconstructed
from transforms.settings import ReconstructSettings
from transforms.window_handler import WindowHandler

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The window of the structural similarity.
_LEAST_SIDE = 11


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReconstructRequest:
    """A row of codes, and the picture that they were made of.

    Attributes:
        original: None where the picture is not at hand.
        framing: how it was framed.

    """

    codes: ImageCodes
    original: TokenizeRequest | None
    framing: Framing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodesAndOriginals:
    """A batch that is ready for the decoder.

    Attributes:
        originals: the framed source pictures, uint8 arrays of shape (height, width, 3); None where
            one is not at hand.

    """

    codes: tuple[ImageCodes, ...]
    originals: "tuple[NDArray[np.uint8] | None, ...]"


class ReconstructingHandler(WindowHandler[ImageTokenizer, ReconstructRequest, CodesAndOriginals]):
    """Runs a VQ tokenizer's decoder on windows of tasks."""

    def __init__(self, work: ReconstructSettings, run_id: str, out: str = "") -> None:
        super().__init__(work, run_id, out)
        self._finishing: ThreadPoolExecutor | None = None

    def _load(self) -> ImageTokenizer:
        return load_image_tokenizer(self._work.source, device=self._work.device or None)

    def _request(self, task: Task) -> ReconstructRequest:
        tokens = task.tokens
        assert tokens is not None
        grid = np.asarray(tokens.codes, np.int32).reshape(tokens.height, tokens.width)
        original = None
        # Another file may lie there by now.
        if task.image is not None and task.image.sha256 == tokens.sha256:
            original = TokenizeRequest(pixels=task.image.pixels, crop=_crop(tokens))
        return ReconstructRequest(
            codes=ImageCodes(
                codes=grid, tokenizer=tokens.model, tokenizer_hash=tokens.tokenizer_hash
            ),
            original=original,
            framing=Framing(
                rule=cast("Rule", tokens.framing), resolution=tokens.resolution or None
            ),
        )

    def _encode(
        self, model: ImageTokenizer, requests: Sequence[ReconstructRequest]
    ) -> CodesAndOriginals:
        """Frame the originals as they were for the encoder."""
        by_framing: dict[Framing, list[int]] = {}
        for place, request in enumerate(requests):
            if (
                request.original is not None
                and request.codes.tokenizer_hash == model.tokenizer_hash
            ):
                by_framing.setdefault(request.framing, []).append(place)
        originals: list[NDArray[np.uint8] | None] = [None] * len(requests)
        for framing, places in by_framing.items():
            pictures = [cast("TokenizeRequest", requests[place].original) for place in places]
            frames = model.frames(model.prepare(pictures, framing))
            for place, frame in zip(places, frames, strict=True):
                originals[place] = None if isinstance(frame, RowError) else frame
        return CodesAndOriginals(
            codes=tuple(request.codes for request in requests), originals=tuple(originals)
        )

    def _run(
        self, model: ImageTokenizer, encoded: CodesAndOriginals
    ) -> Sequence[Reconstructed | RowError]:
        if self._finishing is None:
            self._finishing = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="finish")
        pictures = model.decode(encoded.codes)
        return list(self._finishing.map(_finish, pictures, encoded.originals))


def _crop(tokens: ImageTokens) -> Rectangle | None:
    """What was cut out of the picture; None where nothing was."""
    if tokens.framing != "crop":
        return None
    top, left, height, width = map(int, tokens.part)
    return Rectangle(top=top, left=left, height=height, width=width)


def _finish(
    picture: "NDArray[np.uint8] | RowError", original: "NDArray[np.uint8] | None"
) -> Reconstructed | RowError:
    """Measure a picture and make a file of it."""
    if isinstance(picture, RowError):
        return picture
    from models.reconstruction import psnr, ssim

    height, width = picture.shape[:2]
    known = original is not None and original.shape == picture.shape
    large = min(height, width) >= _LEAST_SIDE
    return Reconstructed(
        image=encode_image(picture),
        height=height,
        width=width,
        psnr=psnr(picture, original) if known and original is not None else None,
        ssim=ssim(picture, original) if known and large and original is not None else None,
    )
