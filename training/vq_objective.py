"""Training a VQ tokenizer: encoder, codebook and decoder together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from transformers import ChameleonVQVAE, ChameleonVQVAEConfig

from models.vq_decoder import ShuffleDecoder, ShuffleLayout
from training.objective import Batch, Measures, Objective, measure
from training.vq_codebook import EmaCodebook, foreground_weights, perplexity, totals
from training.vq_losses import LossWeights, reconstruction_loss

SCALE = 0.0078
"""Chameleon's processor makes values of intensities, 0 to 255, by this factor, and takes 1 off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodebookSettings:
    """How the codebook learns.

    Attributes:
        decay: what is left of a code's moving average after one step.
        warmup_steps: steps before it is begun, in which the decoder sees vectors as they are.
        start_vectors: it is begun with so many vectors for each code, at least.
        restart_after: a code that nothing used for so many steps is put elsewhere; as often it is
            looked for such codes.
        restart_until: not any more behind this share of all steps, so that the decoder can settle.

    """

    decay: float = 0.98
    warmup_steps: int = 200
    start_vectors: int = 64
    restart_after: int = 60
    restart_until: float = 0.8


class VqObjective(Objective):
    """The loss of a VQ tokenizer that is trained.

    A batch has ``pixels``, uint8 of shape (pictures, 3, height, width).

    Args:
        config: of the encoder.
        layout: of the decoder.
        codebook: how the codebook learns.
        weights: of the parts of the loss.
        steps: of the whole training.
        first_pictures: gives batches that the codebook is begun with; the same each time.

    """

    step: torch.Tensor

    def __init__(
        self,
        config: ChameleonVQVAEConfig,
        layout: ShuffleLayout,
        codebook: CodebookSettings,
        weights: LossWeights,
        *,
        steps: int,
        first_pictures: Callable[[], Iterator[torch.Tensor]],
    ) -> None:
        super().__init__()
        # Its own codebook is that of EmaCodebook in the end; see training/vq_package.py.
        self.vq: Any = ChameleonVQVAE(config).requires_grad_(requires_grad=True)
        self.vq.quantize.requires_grad_(requires_grad=False)
        self.decoder = ShuffleDecoder(config, layout)
        self.codebook = EmaCodebook(config.num_embeddings, config.embed_dim, decay=codebook.decay)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self._settings = codebook
        self._weights = weights
        self._last_restart = round(steps * codebook.restart_until)
        self._first_pictures = first_pictures
        self._counts: torch.Tensor | None = None
        self._sums: torch.Tensor | None = None
        self._vectors: torch.Tensor | None = None
        self._use: torch.Tensor | None = None

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encode uint8 pixels: float32 vectors of shape (pictures, dimensions, height, width)."""
        return self.vq.quant_conv(self.vq.encoder(scaled(pixels))).float()  # type: ignore[no-any-return]

    def forward(self, batch: Batch) -> Measures:
        """Measure a batch; held-out ones by what is decoded of their codes alone."""
        pixels: torch.Tensor = batch["pixels"]
        hidden = self.encode(pixels)
        commitment = torch.zeros((), device=pixels.device)
        if self.started or not self.training:
            quantized = self._quantize(hidden)
            commitment = (hidden - quantized).square().mean()
            hidden = hidden + (quantized - hidden).detach()
        made = self.decoder(self.vq.post_quant_conv(hidden)).float()
        loss = reconstruction_loss(made, scaled(pixels), pixels, self._weights)
        loss = loss + self._weights.commitment * commitment
        count = len(pixels)
        return {
            "loss": measure(loss * count, count),
            "commitment": measure(commitment.detach() * count, count),
            "psnr": measure(psnr(made.detach(), pixels).sum(), count),
        }

    @property
    def started(self) -> bool:
        """Whether the codebook is in use."""
        return int(self.step) >= self._settings.warmup_steps

    def after_step(self) -> None:
        """Move the codebook."""
        self.step += 1
        step, settings = int(self.step), self._settings
        if step == settings.warmup_steps:
            self._start()
        elif self._counts is not None and self._sums is not None:
            self.codebook.follow(self._counts, self._sums)
            again = settings.restart_after
            if step % again == 0 and step < self._last_restart and self._vectors is not None:
                self.codebook.restart_dead(self._vectors, again)
        self._counts = self._sums = self._vectors = None

    def summary(self) -> Measures:
        """How the held-out pictures used the codebook."""
        use, self._use = self._use, None
        if use is None:
            return {}
        return {
            "codes_used": measure((use > 0).sum(), 1),
            "perplexity": measure(perplexity(use), 1),
        }

    def _quantize(self, hidden: torch.Tensor) -> torch.Tensor:
        """The codes nearest to vectors, alike in shape, without gradient."""
        with torch.no_grad():
            vectors = hidden.permute(0, 2, 3, 1).flatten(0, 2)
            codes = self.codebook.nearest(vectors)
            counts, sums = totals(vectors, codes, len(self.codebook.counts))
            if self.training:
                self._counts = counts if self._counts is None else self._counts + counts
                self._sums = sums if self._sums is None else self._sums + sums
                self._vectors = vectors
            else:
                self._use = counts if self._use is None else self._use + counts
            height, width = hidden.shape[2:]
            chosen = self.codebook.vectors[codes]
            return chosen.view(len(hidden), height, width, -1).permute(0, 3, 1, 2)

    @torch.no_grad()
    def _start(self) -> None:
        wanted = self._settings.start_vectors * len(self.codebook.counts)
        found, weights, count = [], [], 0
        device = self.step.device
        for pixels in self._first_pictures():
            vectors = self.encode(pixels.to(device)).permute(0, 2, 3, 1).flatten(1, 2)
            weights.append(foreground_weights(vectors))
            found.append(vectors.flatten(0, 1))
            count += len(found[-1])
            if count >= wanted:
                break
        self.codebook.start(torch.cat(found), torch.cat(weights))


def scaled(pixels: torch.Tensor) -> torch.Tensor:
    """From intensities to values."""
    return pixels * SCALE - 1.0


def psnr(made: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """Peak signal-to-noise ratio of each picture in dB, of intensities that were rounded.

    Args:
        made: values of shape (pictures, 3, height, width).
        pixels: what they should be, uint8.

    """
    intensities = ((made + 1.0) / SCALE).round().clamp(0, 255)
    errors = (intensities - pixels).square().mean((1, 2, 3)).clamp(min=1e-3)
    return 10 * torch.log10(255.0**2 / errors)
