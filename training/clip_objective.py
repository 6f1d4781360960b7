"""Training a dual encoder: each picture's text among those of its batch."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from training.contrast import contrastive_loss
from training.objective import Batch, Measures, Objective, measure

# The temperature is kept above 1/100, as CLIP does.
_LARGEST_SCALE = math.log(100)


class ClipObjective(Objective):
    """The symmetric contrastive loss of a ``CLIPModel``, with a learnt temperature.

    A batch has ``pixels``, uint8 of shape (pictures, 3, side, side), and ``texts``, one a picture.
    Of equal texts each fits all of their pictures. Each process contrasts its own batch.

    Args:
        model: a ``CLIPModel``.
        processor: its ``CLIPProcessor``.

    """

    def __init__(self, model: Any, processor: Any) -> None:
        super().__init__()
        self.model = model
        self._tokenizer = processor.tokenizer
        images = processor.image_processor
        self._mean, self._deviation = images.image_mean, images.image_std

    def forward(self, batch: Batch) -> Measures:
        """Measure a batch."""
        pixels: torch.Tensor = batch["pixels"]
        texts: Sequence[str] = batch["texts"]
        distinct = list(dict.fromkeys(texts))
        places = {text: place for place, text in enumerate(distinct)}
        inputs = self._tokenizer(distinct, padding=True, truncation=True, return_tensors="pt")
        logits = self.model(
            input_ids=inputs["input_ids"].to(pixels.device),
            attention_mask=inputs["attention_mask"].to(pixels.device),
            pixel_values=self._values(pixels),
        ).logits_per_image.float()
        own = torch.tensor([places[text] for text in texts], device=pixels.device)
        fits = own[:, None] == torch.arange(len(distinct), device=pixels.device)
        count = len(pixels)
        return {
            "loss": measure(contrastive_loss(logits, fits) * count, count),
            "accuracy": measure((logits.argmax(1) == own).sum(), count),
            "temperature": measure(self.model.logit_scale.detach().neg().exp(), 1),
        }

    def after_step(self) -> None:
        """Keep the temperature in its bounds."""
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=_LARGEST_SCALE)

    def _values(self, pixels: torch.Tensor) -> torch.Tensor:
        mean = torch.tensor(self._mean, device=pixels.device)[:, None, None]
        deviation = torch.tensor(self._deviation, device=pixels.device)[:, None, None]
        return (pixels / 255 - mean) / deviation
