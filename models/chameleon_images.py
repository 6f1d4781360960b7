"""Drawing with models of Chameleon's architecture."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage

from models.image_model import Asked, Grid, VocabularyImageModel
from models.infill_prompts import MASK, NUMBERED_MASK
from models.loading import LoadedModel

# A mask of CM3, as its tokenizers name it: arXiv 2201.07520.
_MASKS = (MASK, NUMBERED_MASK.format(0))


class ChameleonImages(VocabularyImageModel):
    """Prompts are plain: source pictures, text, separator, and the token that begins a picture.

    A lead, of a task that has one, stands before the source pictures.

    A document before them is written as its own drawing would be: text, separator, picture, and the
    token that ends a sequence.

    Unconditional, where the tokenizer has a mask, is the prompt with its text replaced by it
    (arXiv 2309.02591, section 3.1). Chameleon's own tokenizer has none, and there the text and
    the separator are left out, as in its reference implementation (facebookresearch/chameleon).
    """

    edits = True

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded, loaded.model.model)
        processor, vocabulary = loaded.processor, self.tokenizer.get_vocab()
        self.picture_token = processor.image_token_id
        self._begin = processor.image_start_token_id
        self._picture = (
            processor.image_start_token
            + processor.image_token * processor.image_seq_length
            + processor.image_end_token
        )
        self._placeholder: str = processor.image_token
        self._end = self.tokenizer.eos_token or ""
        self._separator = self.tokenizer.sep_token or ""
        self._mask = next((mask for mask in _MASKS if mask in vocabulary), None)
        side = round(processor.image_seq_length**0.5)
        self._grid = side, side
        cropped = processor.image_processor.crop_size
        self._size = cropped["height"], cropped["width"]

    def grid(self, size: tuple[int, int] | None) -> Grid:
        """The one grid that the model draws in."""
        if size is not None and size != self._size:
            raise self.refuse_size(size, self._size)
        return self._grid

    def prompt(self, asked: Asked) -> list[int]:
        """Token ids of a request, with placeholders for the codes of source pictures."""
        documents = "".join(self._document(*document) for document in asked.documents)
        text = asked.lead + self._picture * asked.pictures + asked.text + self._separator
        return [*self.token_ids(documents + text), self._begin]

    def _document(self, text: str, has_picture: bool) -> str:
        # A text of a catalog's may hold what would be taken for a picture.
        text = text.replace(self._placeholder, " ").strip()
        picture = self._picture if has_picture else ""
        return f"{text}{self._separator if text else ''}{picture}{self._end}"

    def unconditional(self, asked: Asked) -> list[int]:
        """Token ids of the same request with a mask for its text, or without it."""
        if self._mask is not None:
            return self.prompt(replace(asked, text=self._mask, lead=""))
        return [*self.token_ids(self._picture * asked.pictures), self._begin]

    def pixels(self, images: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Pixels as the VQ tokenizer takes them, float32 of shape (pictures, 3, side, side)."""
        # Pillow pictures, for a bare array of 3 rows can be taken for three channels.
        pictures = [PillowImage.fromarray(image) for image in images]
        encoded = self.loaded.processor.image_processor(images=pictures, return_tensors="pt")
        pixels: torch.Tensor = encoded["pixel_values"]
        return pixels.float()

    def picture_tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """Token ids of source pictures, by the checkpoint's own encoder."""
        tokens: torch.Tensor = self.loaded.model.get_image_tokens(pixels)
        return tokens.long()
