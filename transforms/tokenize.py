"""Tokenizing pictures: what the VQ tokenizer is given for each task."""

from collections.abc import Sequence

from models.framing import Framing, draw_crop
from models.image_tokens import (
    ImageCodes,
    ImageTokenizer,
    PreparedPictures,
    TokenizeRequest,
    load_image_tokenizer,
)
from schemas.errors import RowError
from transforms.items import Task
from transforms.settings import TokenizeSettings
from transforms.window_handler import WindowHandler


class TokenizingHandler(WindowHandler[ImageTokenizer, TokenizeRequest, PreparedPictures]):
    """Runs a VQ tokenizer on windows of tasks; each crop of a picture is a task of its own."""

    def __init__(self, work: TokenizeSettings, run_id: str, out: str = "") -> None:
        super().__init__(work, run_id, out)
        self._framing: Framing = work.framing
        self._smallest = work.smallest_crop

    def _load(self) -> ImageTokenizer:
        return load_image_tokenizer(
            self._work.source, device=self._work.device or None, decoder=False
        )

    def _request(self, task: Task) -> TokenizeRequest:
        assert task.image is not None
        pixels = task.image.pixels
        if self._framing.rule != "crop":
            return TokenizeRequest(pixels=pixels)
        # The key tells one crop of a picture from another already.
        crop = draw_crop(task.seed, 0, *pixels.shape[:2], smallest=self._smallest)
        return TokenizeRequest(pixels=pixels, crop=crop)

    def _encode(
        self, model: ImageTokenizer, requests: Sequence[TokenizeRequest]
    ) -> PreparedPictures:
        return model.prepare(requests, self._framing)

    def _run(
        self, model: ImageTokenizer, encoded: PreparedPictures
    ) -> Sequence[ImageCodes | RowError]:
        return model.encode(encoded)
