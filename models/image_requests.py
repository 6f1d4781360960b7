"""From requests for pictures to token ids and pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from models.code_chooser import Branch, branches_for
from models.context import ContextLimits
from models.generating import ImageDocument, ImageRequest, ImageSettings
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
        kept: int64 of shape (codes,): codes that stand, -1 where one is drawn; None for no code.
        documents: names of the documents that are shown.
        document_pixels: of their pictures, in their order; None without.

    """

    place: int
    seed: int
    samples: int
    first: int
    prompts: dict[Branch, tuple[int, ...]]
    pixels: torch.Tensor | None
    kept: torch.Tensor | None
    documents: tuple[str, ...]
    document_pixels: torch.Tensor | None

    def pictures(self, branch: Branch) -> tuple[torch.Tensor, ...]:
        """The pixels whose tokens take the places in a branch's prompt, in order."""
        shown = {
            Branch.REQUEST: (self.document_pixels, self.pixels),
            Branch.PICTURES: (self.pixels,),
            Branch.NOTHING: (),
        }
        return tuple(pixels for pixels in shown[branch] if pixels is not None)


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
                documents, prompts = self._fitted(request, branches, grid, settings)
                shown = [one.pixels for one in documents if one.pixels is not None]
                encoded = EncodedImageRequest(
                    place=place,
                    seed=request.seed,
                    samples=request.samples,
                    first=request.first,
                    prompts=prompts,
                    pixels=self._pixels(request.images, prepared),
                    kept=None if request.kept is None else self._kept(request.kept, grid),
                    documents=tuple(one.name for one in documents),
                    document_pixels=self._pixels(tuple(shown), prepared),
                )
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
        if request.documents and not self._model.edits:
            raise RowError(
                FailureKind.INVALID_ROW,
                f"The row has documents, but the model {name} draws from its prompt alone. Show "
                "them to a model of type chameleon.",
            )
        if settings.image_guidance is not None and not request.images:
            raise RowError(
                FailureKind.INVALID_ROW,
                "The row has no source picture, which guidance by the picture needs.",
            )
        said = f"{request.lead} {request.prompt}"
        tokens = self._model.tokenizer(said, add_special_tokens=False)["input_ids"]
        reserved = self._reserved.intersection(tokens)
        if reserved:
            token = self._model.tokenizer.convert_ids_to_tokens(min(reserved))
            raise RowError(
                FailureKind.INVALID_ROW,
                f"The prompt contains {token}, which stands for a part of a picture in this "
                "model. Leave it out: source pictures are put before the prompt.",
            )

    def _fitted(
        self,
        request: ImageRequest,
        branches: Sequence[Branch],
        grid: Grid,
        settings: ImageSettings,
    ) -> tuple[tuple[ImageDocument, ...], dict[Branch, tuple[int, ...]]]:
        """Leave out documents until the prompts of all branches fit the context.

        Returns:
            The documents that are left, and the prompts.

        Raises:
            RowError: they do not fit without documents either.

        """
        height, width = grid
        codes = height * width + (0 if self._model.row_end is None else height)
        while True:
            prompts = {
                branch: tuple(self._prompt(request, branch, grid, settings)) for branch in branches
            }
            longest = max(map(len, prompts.values()))
            if self._limits.check(longest, 0, codes) is None:
                return request.documents, prompts
            if not request.documents:
                break
            request = replace(request, documents=request.documents[1:])
        raise RowError(
            FailureKind.PROMPT_TOO_LONG,
            f"The prompt has {longest} tokens and a picture of {height} x {width} codes takes "
            f"{codes} more, which is beyond the context of the model "
            f"{self._model.loaded.source.name}. Shorten the prompt, or show fewer pictures.",
        )

    def _pixels(
        self,
        images: tuple[NDArray[np.uint8], ...],
        prepared: dict[tuple[int, ...], torch.Tensor],
    ) -> torch.Tensor | None:
        if not images:
            return None
        same = tuple(map(id, images))
        if same not in prepared:
            prepared[same] = self._model.pixels(images)
        return prepared[same]

    def _kept(self, kept: NDArray[np.int32], grid: Grid) -> torch.Tensor:
        name = self._model.loaded.source.name
        if kept.shape != grid:
            raise RowError(
                FailureKind.INVALID_ROW,
                f"The codes that are to be kept have the shape {kept.shape}, but the model {name} "
                f"draws {grid[0]} x {grid[1]} of them.",
            )
        if kept.max() >= self._model.codebook_size or kept.min() != -1:
            raise RowError(
                FailureKind.INVALID_ROW,
                "The codes that are to be kept must be from 0 to "
                f"{self._model.codebook_size - 1}, or -1 where one is to be drawn: one at least.",
            )
        return torch.from_numpy(kept.astype(np.int64)).flatten()

    def _prompt(
        self, request: ImageRequest, branch: Branch, grid: Grid, settings: ImageSettings
    ) -> list[int]:
        pictures = 0 if branch is Branch.NOTHING else len(request.images)
        asked = Asked(text=request.prompt, pictures=pictures, grid=grid)
        if branch is Branch.REQUEST:
            documents = tuple((one.text, one.pixels is not None) for one in request.documents)
            return self._model.prompt(replace(asked, lead=request.lead, documents=documents))
        if settings.unconditional is not None:
            return self._model.prompt(replace(asked, text=settings.unconditional))
        return self._model.unconditional(asked)
