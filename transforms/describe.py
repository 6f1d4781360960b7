"""Describing pictures: what the describing model is asked for each task."""

from collections.abc import Sequence

from models.describing import (
    Describer,
    DescribeRequest,
    Description,
    EncodedRequests,
    load_describer,
)
from schemas.errors import RowError
from transforms.items import Task
from transforms.settings import DescribeSettings
from transforms.window_handler import WindowHandler


class DescribingHandler(WindowHandler[Describer, DescribeRequest, EncodedRequests]):
    """Runs an image-text-to-text model on windows of tasks."""

    def __init__(self, work: DescribeSettings, run_id: str, out: str = "") -> None:
        super().__init__(work, run_id, out)
        self._decoding = work.decoding

    def _load(self) -> Describer:
        return load_describer(
            self._work.source, device=self._work.device or None, dtype=self._work.dtype or None
        )

    def _request(self, task: Task) -> DescribeRequest:
        assert task.image is not None
        return DescribeRequest(images=(task.image.pixels,), prompt=task.prompt, seed=task.seed)

    def _encode(self, model: Describer, requests: Sequence[DescribeRequest]) -> EncodedRequests:
        return model.encode(requests, self._decoding)

    def _run(self, model: Describer, encoded: EncodedRequests) -> Sequence[Description | RowError]:
        return model.generate(encoded)
