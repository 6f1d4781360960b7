"""Embedding pictures and texts: what the dual encoder is given for each task."""

from collections.abc import Sequence

from models.embedding import Embedded, Embedder, EmbedRequest, EncodedPairs, load_embedder
from schemas.errors import RowError
from transforms.items import Task
from transforms.settings import EmbedSettings
from transforms.window_handler import WindowHandler


class EmbeddingHandler(WindowHandler[Embedder, EmbedRequest, EncodedPairs]):
    """Runs a dual encoder on windows of tasks."""

    def __init__(self, work: EmbedSettings, run_id: str, out: str = "") -> None:
        super().__init__(work, run_id, out)
        self._of = work.of

    def _load(self) -> Embedder:
        return load_embedder(
            self._work.source, device=self._work.device or None, dtype=self._work.dtype or None
        )

    def _request(self, task: Task) -> EmbedRequest:
        return EmbedRequest(
            pixels=None if task.image is None else task.image.pixels,
            text="" if self._of == "image" else task.asset.text,
        )

    def _encode(self, model: Embedder, requests: Sequence[EmbedRequest]) -> EncodedPairs:
        return model.encode(requests)

    def _run(self, model: Embedder, encoded: EncodedPairs) -> Sequence[Embedded | RowError]:
        return model.embed(encoded)
