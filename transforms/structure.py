"""Taking the structure of pictures: work of the processor alone."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from models.structures import StructureMaker
from schemas.errors import RowError
from storage.encode_image import encode_image
from transforms.items import Task
from transforms.settings import StructureSettings
from transforms.structured import Structured
from transforms.window_handler import WindowHandler

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pictures = Sequence[NDArray[np.uint8]]
    StructureWindows = WindowHandler[StructureMaker, NDArray[np.uint8], Pictures]
else:
    StructureWindows = WindowHandler


class StructureHandler(StructureWindows):
    """Takes one feature of the pictures of windows of tasks."""

    def __init__(self, work: StructureSettings, run_id: str, out: str = "") -> None:
        super().__init__(work, run_id, out)
        self._maker = StructureMaker(feature=work.feature, resolution=work.resolution)
        self._threads: ThreadPoolExecutor | None = None

    def _load(self) -> StructureMaker:
        return self._maker

    def _request(self, task: Task) -> "NDArray[np.uint8]":
        assert task.image is not None
        return task.image.pixels

    def _encode(self, model: StructureMaker, requests: "Pictures") -> "Pictures":
        return [model.scale(pixels) for pixels in requests]

    def _run(self, model: StructureMaker, encoded: "Pictures") -> Sequence[Structured | RowError]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="structure")
        settings = json.dumps(model.settings)

        def make(pixels: "NDArray[np.uint8]") -> Structured:
            found = model.make(pixels)
            height, width = found.shape[:2]
            return Structured(
                image=encode_image(found), height=height, width=width, settings=settings
            )

        return list(self._threads.map(make, encoded))
