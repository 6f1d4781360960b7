"""From requests for pictures to token ids and pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from models.code_chooser import Branch, branches_for
from models.context import ContextLimits
from models.generating import ImageRequest, ImageSettings
from models.image_model import Asked, Grid, ImageModel
from schemas.errors import RowError
from schemas.failure import FailureKind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedImageRequest:
    """One request.

    Attributes:
        place: in its batch.
        seed: of its sampling.
        samples: pictures to draw, and ``first`` the number of the first of them.
        prompts: token ids of each branch, with placeholders for the codes of source pictures.
        pixels: of its source pictures, in their order; None without.

    """

    place: int
    seed: int
    samples: int
    first: int
    prompts: dict[Branch, tuple[int, ...]]
    pixels: torch.Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedImageGroup:
    """Requests that run together: of the same branches, for pictures of the same grid."""

    branches: tuple[Branch, ...]
    grid: Grid
    requests: tuple[EncodedImageRequest, ...]


class ImageRequestEncoder:
    """Encodes requests for one model."""

    def __init__(self, model: ImageModel) -> None:
        self._model = model
        self._limits = ContextLimits(model.loaded.model.config)
        self._reserved = model.reserved()

    def encode(
        self, requests: Sequence[ImageRequest], settings: ImageSettings
    ) -> tuple[tuple[EncodedImageGroup, ...], dict[int, RowError]]:
        """Encode those that can be run; tell why the others cannot, by their place."""
        together: dict[tuple[tuple[Branch, ...], Grid], list[EncodedImageRequest]] = {}
        refused: dict[int, RowError] = {}
        # Samples of one row hold the very same arrays: their pictures are prepared once.
        prepared: dict[tuple[int, ...], torch.Tensor] = {}
        for place, request in enumerate(requests):
            try:
                self._check(request, settings)
                grid = self._model.grid(request.size)
                branches = branches_for(settings, pictures=bool(request.images))
                encoded = self._encode(place, request, branches, grid, settings)
                encoded = replace(encoded, pixels=self._pixels(request, prepared))
            except RowError as error:
                refused[place] = error
            else:
                together.setdefault((branches, grid), []).append(encoded)
        groups = tuple(
            EncodedImageGroup(branches=branches, grid=grid, requests=tuple(rows))
            for (branches, grid), rows in together.items()
        )
        return groups, refused

    def _check(self, request: ImageRequest, settings: ImageSettings) -> None:
        name = self._model.loaded.source.name
        if request.samples < 1:
            raise RowError(
                FailureKind.INVALID_ROW,
                f"The row asks for {request.samples} pictures. Ask for 1 or more.",
            )
        if request.images and not self._model.edits:
            raise RowError(
                FailureKind.INVALID_ROW,
                f"The row has a source picture, but the model {name} draws from text alone. "
                "Edit with a model of type chameleon.",
            )
        if settings.image_guidance is not None and not request.images:
            raise RowError(
                FailureKind.INVALID_ROW,
                "The row has no source picture, which guidance by the picture needs.",
            )
        tokens = self._model.tokenizer(request.prompt, add_special_tokens=False)["input_ids"]
        reserved = self._reserved.intersection(tokens)
        if reserved:
            token = self._model.tokenizer.convert_ids_to_tokens(min(reserved))
            raise RowError(
                FailureKind.INVALID_ROW,
                f"The prompt contains {token}, which stands for a part of a picture in this "
                "model. Leave it out: source pictures are put before the prompt.",
            )

    def _encode(
        self,
        place: int,
        request: ImageRequest,
        branches: Sequence[Branch],
        grid: Grid,
        settings: ImageSettings,
    ) -> EncodedImageRequest:
        prompts = {
            branch: tuple(self._prompt(request, branch, grid, settings)) for branch in branches
        }
        height, width = grid
        codes = height * width + (0 if self._model.row_end is None else height)
        longest = max(map(len, prompts.values()))
        if self._limits.check(longest, 0, codes) is not None:
            raise RowError(
                FailureKind.PROMPT_TOO_LONG,
                f"The prompt has {longest} tokens and a picture of {height} x {width} codes takes "
                f"{codes} more, which is beyond the context of the model "
                f"{self._model.loaded.source.name}. Shorten the prompt, or show fewer pictures.",
            )
        return EncodedImageRequest(
            place=place,
            seed=request.seed,
            samples=request.samples,
            first=request.first,
            prompts=prompts,
            pixels=None,
        )

    def _pixels(
        self, request: ImageRequest, prepared: dict[tuple[int, ...], torch.Tensor]
    ) -> torch.Tensor | None:
        if not request.images:
            return None
        same = tuple(map(id, request.images))
        if same not in prepared:
            prepared[same] = self._model.pixels(request.images)
        return prepared[same]

    def _prompt(
        self, request: ImageRequest, branch: Branch, grid: Grid, settings: ImageSettings
    ) -> list[int]:
        pictures = 0 if branch is Branch.NOTHING else len(request.images)
        asked = Asked(text=request.prompt, pictures=pictures, grid=grid)
        if branch is Branch.REQUEST:
            return self._model.prompt(asked)
        if settings.unconditional is not None:
            return self._model.prompt(replace(asked, text=settings.unconditional))
        return self._model.unconditional(asked)
