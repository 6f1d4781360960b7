"""What the drawing of pictures needs of a model, whatever its family."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from models.image_vocabulary import code_tokens
from models.loading import LoadedModel
from schemas.errors import RowError
from schemas.failure import FailureKind

Grid = tuple[int, int]
"""Rows and columns of a picture's codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a prompt is written of.

    Attributes:
        text: what is asked.
        pictures: source pictures, shown before it.
        lead: said before those.
        documents: texts of the documents shown before them, and whether each has a picture.
        grid: of the picture that is to be drawn.

    """

    text: str
    pictures: int
    grid: Grid
    lead: str = ""
    documents: tuple[tuple[str, bool], ...] = ()


class ImageModel(ABC):
    """A model that makes pictures code by code.

    Attributes:
        backbone: its transformer, with ``embed_tokens``, ``layers``, ``norm`` and ``rotary_emb``
            as transformers' models of the Llama kind have them.
        edits: whether it is shown source pictures and documents.
        row_end: the token that stands after each row of codes; None for none.
        picture_token: the placeholder in prompts for one code of a source picture; None where
            there are no source pictures.
        codebook_size: codes are from 0 to below this.

    """

    codebook_size: int
    edits = False
    row_end: int | None = None
    picture_token: int | None = None

    def __init__(self, loaded: LoadedModel, backbone: Any) -> None:
        self.loaded = loaded
        self.backbone = backbone
        self.tokenizer = loaded.processor.tokenizer

    @abstractmethod
    def grid(self, size: tuple[int, int] | None) -> Grid:
        """The grid of codes of a picture of a size in pixels; None for the model's own.

        Raises:
            RowError: the model does not draw in that size.

        """

    @abstractmethod
    def prompt(self, asked: Asked) -> list[int]:
        """Token ids of a request, up to where the first code follows."""

    @abstractmethod
    def unconditional(self, asked: Asked) -> list[int]:
        """Token ids of the same request with nothing asked."""

    @abstractmethod
    def reserved(self) -> set[int]:
        """Token ids that stand for pictures, which no text of a request may contain."""

    def pixels(self, images: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """What :meth:`picture_tokens` takes, float32 on the CPU, of source pictures."""
        raise NotImplementedError

    def picture_tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """Token ids of source pictures, int64 of shape (pictures, codes)."""
        raise NotImplementedError

    @abstractmethod
    def embed_codes(self, codes: torch.Tensor) -> torch.Tensor:
        """Embeddings of codes, int64 of shape (rows,), as (rows, width)."""

    @abstractmethod
    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of the next code, of shape (rows, codes), from states of (rows, width)."""

    def token_ids(self, text: str) -> list[int]:
        """Token ids of a text with the tokens that the tokenizer adds."""
        return list(self.tokenizer(text)["input_ids"])

    def refuse_size(self, size: tuple[int, int], own: tuple[int, int]) -> RowError:
        """The error of a row that asks for a size that the model does not draw in."""
        return RowError(
            FailureKind.INVALID_ROW,
            f"The row asks for a picture of {size[0]} x {size[1]} pixels, but the model "
            f"{self.loaded.source.name} draws in {own[0]} x {own[1]}. Leave the size out.",
        )


class VocabularyImageModel(ImageModel):
    """A model whose codes are tokens of its vocabulary."""

    def __init__(self, loaded: LoadedModel, backbone: Any) -> None:
        super().__init__(loaded, backbone)
        vq, mapping = loaded.model.config.vq_config, loaded.model.model.vocabulary_mapping.img2bpe
        size = getattr(vq, "codebook_size", None) or vq.num_embeddings
        ids = code_tokens(loaded.source.name, mapping, size)
        self.codebook_size = size
        self._codes = torch.tensor(ids, device=loaded.device)
        # Inside a picture nothing but a code can come: the head's other rows are never asked.
        self._head = loaded.model.lm_head.weight.detach().index_select(0, self._codes)

    def reserved(self) -> set[int]:
        """Tokens of codes, and those around them."""
        named = (
            getattr(self.tokenizer, f"{name}_token_id", None)
            for name in ("image", "boi", "eoi", "image_wrapper", "eol", "eof")
        )
        return {*self._codes.tolist(), *(token for token in named if token is not None)}

    def embed_codes(self, codes: torch.Tensor) -> torch.Tensor:
        """Embeddings of codes, int64 of shape (rows,), as (rows, width)."""
        embedded: torch.Tensor = self.backbone.embed_tokens(self._codes[codes])
        return embedded

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of the next code, of shape (rows, codes), from states of (rows, width)."""
        return functional.linear(hidden, self._head)
