"""Signing pictures: digests and signatures beside the vectors of a dual encoder."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.embedding import Embedder, EmbedRequest, EncodedPairs, load_embedder
from schemas.asset import Image
from schemas.errors import RowError
from storage.duplicates.signature import pixels_digest, signature_of
from transforms.items import Task
from transforms.settings import SignSettings
from transforms.signed import Signed
from transforms.window_handler import WindowHandler


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedPictures:
    """A batch that is ready for the model, and what is known of its pictures already.

    Attributes:
        signs: signature and digest of the pixels of each.

    """

    signs: tuple[tuple[bytes, str], ...]
    pairs: EncodedPairs


class SigningHandler(WindowHandler[Embedder, Image, EncodedPictures]):
    """Runs a dual encoder on windows of tasks, and signs their pictures."""

    def __init__(self, work: SignSettings, run_id: str, out: str = "") -> None:
        super().__init__(work, run_id, out)

    def _load(self) -> Embedder:
        return load_embedder(
            self._work.source, device=self._work.device or None, dtype=self._work.dtype or None
        )

    def _request(self, task: Task) -> Image:
        assert task.image is not None
        return task.image

    def _encode(self, model: Embedder, requests: Sequence[Image]) -> EncodedPictures:
        signs = tuple(
            (
                signature_of(image.pixels).tobytes(),
                pixels_digest(image.pixels, width=image.width, height=image.height),
            )
            for image in requests
        )
        pairs = model.encode([EmbedRequest(pixels=image.pixels, text="") for image in requests])
        return EncodedPictures(signs=signs, pairs=pairs)

    def _run(self, model: Embedder, encoded: EncodedPictures) -> Sequence[Signed | RowError]:
        return [
            one
            if isinstance(one, RowError)
            else Signed(
                signature=signature, pixels_sha256=digest, vector=one.vector.astype(np.float16)
            )
            for one, (signature, digest) in zip(
                model.embed(encoded.pairs), encoded.signs, strict=True
            )
        ]
