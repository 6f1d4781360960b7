"""What the small CLIP learns from in a step: new pictures, and captions that fit some of them."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.captions import (
    ATTRIBUTES_BEYOND,
    LONG_FORMS,
    LOOKS,
    SHORT_FORMS,
    attribute_words,
    long_captions,
    short_captions,
)
from training.clip_parts import UNKNOWN
from training.contrast import contrastive_loss
from training.painting import Painter

_FORGOTTEN = 0.1


class Batches:
    """Batches of new pictures, each against all short captions and the batch's long ones."""

    def __init__(
        self, painter: Painter, processor: Any, size: int, rng: np.random.Generator
    ) -> None:
        self._painter = painter
        self._processor = processor
        self._size = size
        self._rng = rng
        tokens = processor.tokenizer.get_vocab()
        telling = [tokens[word] for word in attribute_words()]
        self._filling = torch.ones(len(tokens), dtype=torch.bool)
        self._filling[[*telling, *processor.tokenizer.all_special_ids]] = False

    def loss(self, model: Any) -> torch.Tensor:
        """The loss of a ``CLIPModel`` on the next batch, a scalar in nats."""
        drawn = self._painter.draw(self._size)
        kinds, longs = np.unique(drawn.kinds(), return_inverse=True)
        texts = short_captions(self._one_of(SHORT_FORMS))
        texts += long_captions(kinds.tolist(), self._one_of(LONG_FORMS))
        inputs = self._processor(
            images=list(drawn.paint()), text=texts, padding=True, return_tensors="pt"
        )
        inputs["input_ids"] = self._forget(inputs["input_ids"])
        logits = model(**inputs).logits_per_image
        shorts = kinds[longs] // ATTRIBUTES_BEYOND
        # Apart, because a picture's short caption is not wrong beside its long one.
        return contrastive_loss(logits[:, :LOOKS], _fits(shorts, LOOKS)) + contrastive_loss(
            logits[:, LOOKS:], _fits(longs, len(kinds))
        )

    def _one_of(self, forms: tuple[str, ...]) -> str:
        return forms[self._rng.integers(len(forms))]

    def _forget(self, ids: torch.Tensor) -> torch.Tensor:
        """Make some of the words that tell nothing unknown, so that unknown ones tell nothing."""
        chosen = torch.from_numpy(self._rng.random(ids.shape) < _FORGOTTEN)
        return ids.masked_fill(chosen & self._filling[ids], UNKNOWN)


def _fits(captions: NDArray[np.int64], count: int) -> torch.Tensor:
    """From each picture's caption to bool ``[pictures, count]``."""
    return torch.from_numpy(captions[:, None] == np.arange(count))
