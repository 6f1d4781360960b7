"""The loss of a model of Chameleon's architecture on packed sequences."""

from typing import Any

import torch
from torch.nn import functional
from transformers.models.chameleon.modeling_chameleon import ChameleonImageVocabularyMapping

from training.document_batches import sees
from training.objective import Batch, Measures, Objective, measure


class LanguageModelObjective(Objective):
    """Cross-entropy of each token that has a weight, from all before it in its document.

    The model's own ``forward`` sets the logits of picture tokens to the smallest number, and its
    loss is infinite where one is a target: here logits are made of the hidden states, and only
    where something is predicted.

    Args:
        model: a ``ChameleonForConditionalGeneration``; adapters may be within it.
        attend_across: whether documents of a sequence see those before them.
        image_weight: of a picture's tokens in the loss, beside the weight in their document.

    """

    image_tokens: torch.Tensor

    def __init__(self, model: Any, *, attend_across: bool, image_weight: float = 1.0) -> None:
        super().__init__()
        self.model = model
        self._attend_across = attend_across
        self._image_weight = image_weight
        mapping = ChameleonImageVocabularyMapping(model.config.vocabulary_map or {})  # type: ignore[no-untyped-call]
        image_tokens = torch.zeros(model.config.vocab_size, dtype=torch.bool)
        image_tokens[mapping.image_tokens] = True
        self.register_buffer("image_tokens", image_tokens, persistent=False)

    def logits(self, batch: Batch, places: torch.Tensor) -> torch.Tensor:
        """What is predicted at some places of a batch's flattened tokens.

        Returns:
            Tensor of shape (places, vocabulary), in the number format of the arithmetic.

        """
        hidden = self.model.model(
            input_ids=batch["tokens"],
            attention_mask=self._mask(batch),
            position_ids=batch["positions"],
            use_cache=False,
        ).last_hidden_state
        logits: torch.Tensor = self.model.lm_head(hidden.flatten(0, 1)[places])
        return logits

    def _mask(self, batch: Batch) -> torch.Tensor | None:
        if self._attend_across:
            return None
        return sees(batch["documents"], batch["branches"])

    def forward(self, batch: Batch) -> Measures:
        """``loss``, and what texts and pictures have of it, in nats."""
        targets = batch["targets"]
        logits = self.logits(batch, batch["places"])
        pictures = self.image_tokens[targets].float()
        weights = batch["weights"] * (1 + pictures * (self._image_weight - 1))
        losses = functional.cross_entropy(logits.float(), targets, reduction="none") * weights
        with torch.no_grad():
            image = measure((losses * pictures).sum(), (weights * pictures).sum())
            text = measure((losses * (1 - pictures)).sum(), (weights * (1 - pictures)).sum())
        return {
            "loss": measure(losses.sum(), weights.sum()),
            "loss_text": text,
            "loss_image": image,
        }
