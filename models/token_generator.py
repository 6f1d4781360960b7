"""Generating images with models that make them code by code."""

import itertools
import math
import threading
from collections.abc import Callable, Sequence

import numpy as np
import torch

from models.chameleon_images import ChameleonImages
from models.code_chooser import Branch, CodeChooser
from models.emu3_images import Emu3Images
from models.generating import (
    EncodedImageRequests,
    ImageRequest,
    ImageSample,
    ImageSettings,
)
from models.image_decoding import PictureDecoder
from models.image_model import Grid, ImageModel
from models.image_requests import EncodedImageGroup, EncodedImageRequest, ImageRequestEncoder
from models.janus_images import JanusImages
from models.loading import LoadedModel
from models.sampling import sample_seeds
from models.source import ModelSource
from schemas.errors import RowError
from schemas.failure import FailureKind

_FAMILIES: dict[str, Callable[[LoadedModel], ImageModel]] = {
    "chameleon": ChameleonImages,
    "emu3": Emu3Images,
    "janus": JanusImages,
}


class TokenImageGenerator:
    """See :class:`models.generating.ImageGenerator`."""

    def __init__(self, loaded: LoadedModel, *, compiled: bool = False) -> None:
        self._loaded = loaded
        self._model = _FAMILIES[loaded.source.model_type](loaded)
        self._encoder = ImageRequestEncoder(self._model)
        self._decoder = PictureDecoder(self._model, compiled=compiled)
        # Tokenizers keep state, and may not be entered twice.
        self._encoding = threading.Lock()

    @property
    def source(self) -> ModelSource:
        """What was loaded."""
        return self._loaded.source

    @property
    def device(self) -> str:
        """The torch device the model runs on."""
        return str(self._loaded.device)

    @property
    def edits(self) -> bool:
        """Whether it is shown source pictures and documents."""
        return self._model.edits

    def grid(self, size: tuple[int, int] | None) -> Grid:
        """Rows and columns of the codes of a picture of a size."""
        return self._model.grid(size)

    def encode(
        self, requests: Sequence[ImageRequest], settings: ImageSettings
    ) -> EncodedImageRequests:
        """Turn a batch of rows into the model's input, in the machine's memory."""
        with self._encoding:
            groups, refused = self._encoder.encode(requests, settings)
        return EncodedImageRequests(
            count=len(requests), refused=refused, groups=groups, settings=settings
        )

    def generate(self, encoded: EncodedImageRequests) -> list[tuple[ImageSample, ...] | RowError]:
        """Draw an encoded batch: the samples of each request, or its error, in order."""
        results: dict[int, tuple[ImageSample, ...] | RowError] = {**encoded.refused}
        for group in encoded.groups:
            with torch.inference_mode():
                drawn = self._draw(group, encoded.settings)
            results.update(drawn)
        return [results[place] for place in range(encoded.count)]

    def _draw(
        self, group: EncodedImageGroup, settings: ImageSettings
    ) -> dict[int, tuple[ImageSample, ...] | RowError]:
        requests, branches = group.requests, group.branches
        # Prompts that are the same, as all without text or pictures are, are read once.
        prompts: dict[tuple[int, ...], int] = {}
        rows: list[list[int]] = [[] for _ in branches]
        for filled, request in zip(self._filled(requests), requests, strict=True):
            for branch, places in zip(branches, rows, strict=True):
                place = prompts.setdefault(filled[branch], len(prompts))
                places.extend([place] * request.samples)
        contrasted = torch.tensor(
            [
                _is_contrasted(settings, request.first + number)
                for request in requests
                for number in range(request.samples)
            ],
            device=self._loaded.device,
        )
        height, width = group.grid
        seeds = [
            seed
            for request in requests
            for seed in sample_seeds(request.seed, request.samples, request.first)
        ]
        kept = self._kept(requests, height * width)
        chooser = CodeChooser(
            settings, branches, seeds, contrasted, steps=height * width, kept=kept
        )
        codes = self._decoder.draw(list(prompts), torch.tensor(rows), group.grid, chooser.choose)
        grids = codes.view(-1, height, width).cpu().numpy().astype(np.int32)
        count = height * width if kept is None else (kept < 0).sum(dim=1)
        logprobs = (chooser.logprobs / count).tolist()
        drawn = zip(grids, logprobs, contrasted.tolist(), strict=True)
        return {
            request.place: self._checked(
                tuple(
                    ImageSample(
                        codes=grid,
                        mean_logprob=logprob,
                        contrasted=one,
                        documents=request.documents,
                    )
                    for grid, logprob, one in itertools.islice(drawn, request.samples)
                )
            )
            for request in requests
        }

    def _kept(self, requests: Sequence[EncodedImageRequest], codes: int) -> torch.Tensor | None:
        """Codes that stand in each sample, int64 of shape (samples, codes), -1 elsewhere."""
        if all(request.kept is None for request in requests):
            return None
        nothing = torch.full((codes,), -1, dtype=torch.int64)
        rows = [
            (nothing if request.kept is None else request.kept).expand(request.samples, -1)
            for request in requests
        ]
        return torch.cat(rows).to(self._loaded.device)

    def _filled(
        self, requests: Sequence[EncodedImageRequest]
    ) -> list[dict[Branch, tuple[int, ...]]]:
        """The prompts of each request, with the tokens of its source pictures in their places."""
        # By identity: samples of one row share their pictures.
        pixels = {
            id(some): some
            for request in requests
            for branch in request.prompts
            for some in request.pictures(branch)
        }
        if not pixels:
            return [request.prompts for request in requests]
        stacked = torch.cat(list(pixels.values())).to(self._loaded.device)
        pictures = iter(self._model.picture_tokens(stacked).tolist())
        tokens = {
            name: [token for _ in range(len(some)) for token in next(pictures)]
            for name, some in pixels.items()
        }
        return [
            {
                branch: self._fill(
                    prompt,
                    [token for some in request.pictures(branch) for token in tokens[id(some)]],
                )
                for branch, prompt in request.prompts.items()
            }
            for request in requests
        ]

    def _fill(self, prompt: tuple[int, ...], tokens: Sequence[int]) -> tuple[int, ...]:
        following = iter(tokens)
        return tuple(
            next(following) if token == self._model.picture_token else token for token in prompt
        )

    def _checked(self, samples: tuple[ImageSample, ...]) -> tuple[ImageSample, ...] | RowError:
        if any(math.isnan(sample.mean_logprob) for sample in samples):
            return RowError(
                FailureKind.MODEL_ERROR,
                f"The model's numbers overflowed in {str(self._loaded.dtype).split('.')[1]}. "
                "Run it in float32.",
            )
        return samples


def _is_contrasted(settings: ImageSettings, number: int) -> bool:
    if settings.contrast is None:
        return False
    return not settings.contrast.half or number % 2 == 1
