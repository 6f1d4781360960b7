"""Labels for pictures by a dual encoder: of some texts the one that is nearest."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np

from models.embedding import Embedder, EmbedRequest, load_embedder
from models.source import resolve_encoder
from schemas.asset import Image
from schemas.errors import ModelError, RowError
from storage.decoding.limits import DecodeLimits
from storage.decoding.pool import DecoderPool

_HELPERS = 2
_AT_ONCE = 64
_SHORTER_SIDE = 512


class ZeroShotLabels:
    """Labels pictures on this machine; a context manager. The encoder is loaded once.

    Pictures are decoded in helper processes, as in jobs, and 64 are in memory at a time.

    Args:
        texts: the labels, two at least, which the encoder is given as they are.
        encoder: a dual encoder: ``calumma-clip``, a folder or a hub id.

    Raises:
        ModelError: it cannot be loaded, or has no vector for a label.

    """

    def __init__(self, texts: Sequence[str], encoder: str) -> None:
        source = resolve_encoder(encoder)
        self._texts = texts
        self._model: Embedder = load_embedder(source)
        self.told = f"{source.name} ({source.revision})"
        requests = [EmbedRequest(pixels=None, text=text) for text in texts]
        vectors = []
        for text, one in zip(texts, self._model.embed(self._model.encode(requests)), strict=True):
            if isinstance(one, RowError):
                raise ModelError(f"{encoder} has no vector for the label {text!r}.")
            vectors.append(one.vector)
        self._vectors = np.stack(vectors)
        self._pool = DecoderPool(_HELPERS, DecodeLimits())
        self._threads = ThreadPoolExecutor(_HELPERS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._pool.close()

    def label(self, pictures: Sequence[bytes | None]) -> list[str | None]:
        """The nearest text of each picture; None where there is none that can be decoded."""
        found: list[str | None] = [None] * len(pictures)
        for start in range(0, len(pictures), _AT_ONCE):
            decoded = list(self._threads.map(self._decode, pictures[start : start + _AT_ONCE]))
            there = [place for place, one in enumerate(decoded) if one is not None]
            if not there:
                continue
            requests = [
                EmbedRequest(pixels=image.pixels, text="") for image in decoded if image is not None
            ]
            embedded = self._model.embed(self._model.encode(requests))
            for place, one in zip(there, embedded, strict=True):
                if not isinstance(one, RowError):
                    found[start + place] = self._texts[int(np.argmax(self._vectors @ one.vector))]
        return found

    def _decode(self, picture: bytes | None) -> Image | None:
        if not picture:
            return None
        try:
            return self._pool.decode(picture, _SHORTER_SIDE)
        except RowError:
            return None
