"""Vectors of pictures and texts for scores: pictures are fetched and decoded ahead, and what fails
costs its own row only.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.embedding import Embedded, Embedder, EmbedRequest, load_embedder
from models.memory import free_memory, is_out_of_memory
from schemas.asset import Asset, Image
from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.catalog.split import CatalogRow
from storage.load_images import ImageLoader
from transforms.isolation import BatchRunner
from transforms.lazy_model import LazyModel, model_of_process
from transforms.settings import EncoderSettings

Found = Embedded | RowError

_NO_PICTURE = RowError(FailureKind.INVALID_ROW, "The row names no picture.")


class PairEncoder:
    """Embeds the pictures and texts of rows that are scored.

    Args:
        work: with what.
        run_id: of the run, for which a process loads the encoder once.
        out: output folder of the run, where loading it is noted.

    """

    def __init__(self, work: EncoderSettings, run_id: str, out: str) -> None:
        self._work = work
        self._runner = BatchRunner(is_out_of_memory, free_memory)
        self._model: LazyModel[Embedder] = model_of_process(
            run_id, work, lambda: LazyModel(work.source, self._load, run_id, out)
        )
        self._loader: ImageLoader | None = None

    def close(self) -> None:
        """End the loader's threads and helper processes."""
        if self._loader is not None:
            self._loader.close()

    def pictures(self, uris: Sequence[str]) -> list[Found]:
        """Embed pictures, or tell why there is no vector; relative uris start from the folder."""
        if self._loader is None:
            self._loader = ImageLoader(self._work.load)
        rows = (
            CatalogRow(position=place, asset=Asset(asset_id=uri, uri=uri))
            for place, uri in enumerate(uris)
            if uri
        )
        found: list[Found] = [_NO_PICTURE] * len(uris)
        waiting: dict[int, EmbedRequest] = {}
        for row, image, _ in self._loader.load(rows, self._work.folder):
            if isinstance(image, Image):
                waiting[row.position] = EmbedRequest(pixels=image.pixels, text="")
            else:
                found[row.position] = image or _NO_PICTURE
            if len(waiting) == self._work.batch_size:
                self._embed_into(found, waiting)
        self._embed_into(found, waiting)
        return found

    def texts(self, texts: Sequence[str]) -> Mapping[str, Found]:
        """Embed texts, each once; of one that is too long the encoder reads the beginning."""
        once = list(dict.fromkeys(text for text in texts if text.strip()))
        requests = [EmbedRequest(pixels=None, text=text) for text in once]
        found: list[Found] = []
        for batch in _batches(requests, self._work.batch_size):
            found += self._embed(batch)
        return dict(zip(once, found, strict=True))

    def _embed_into(self, found: list[Found], waiting: dict[int, EmbedRequest]) -> None:
        if waiting:
            embedded = self._embed(list(waiting.values()))
            for place, one in zip(waiting, embedded, strict=True):
                found[place] = one
            waiting.clear()

    def _embed(self, requests: Sequence[EmbedRequest]) -> list[Found]:
        model = self._model.get()
        return self._runner.run(requests, lambda some: model.embed(model.encode(some)))

    def _load(self) -> Embedder:
        work = self._work
        return load_embedder(work.source, device=work.device or None, dtype=work.dtype or None)


def vectors_of(found: Sequence[Found | None]) -> NDArray[np.float32]:
    """Vectors as rows, shape (rows, dimension): NaN for an error, zeros for None."""
    known = next((len(one.vector) for one in found if isinstance(one, Embedded)), 1)
    rows = np.zeros((len(found), known), np.float32)
    for place, one in enumerate(found):
        if isinstance(one, Embedded):
            rows[place] = one.vector
        elif one is not None:
            rows[place] = np.nan
    return rows


def _batches(requests: Sequence[EmbedRequest], size: int) -> Iterator[Sequence[EmbedRequest]]:
    for start in range(0, len(requests), size):
        yield requests[start : start + size]
