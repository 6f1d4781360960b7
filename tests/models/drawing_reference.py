"""What a checkpoint says of a picture's codes: one forward pass over prompt and codes.

Shares nothing with the code under test but the checkpoint: prompts are written out here by the
checkpoint's processor, and nothing is padded or cached.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

_LETTERS = "ABCDEFGHIJ"


class ChameleonReference:
    """A checkpoint of Chameleon's architecture, in float32 on the CPU."""

    def __init__(self, folder: Path) -> None:
        loader: Any = AutoProcessor
        self.processor = loader.from_pretrained(folder)
        model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
        self.model = model.eval()
        vocabulary = self.processor.tokenizer.get_vocab()
        codes = model.model.vqmodel.config.num_embeddings
        names = ["".join(_LETTERS[int(digit)] for digit in str(code)) for code in range(codes)]
        self.tokens = [vocabulary[f"IMGIMG{name}Z"] for name in names]
        self.begin = vocabulary["<racm3:break>"]

    def prompt(self, text: str, *pictures: NDArray[np.uint8], separator: bool = True) -> list[int]:
        """Token ids up to where the first code follows, the pictures' own codes in place.

        Pictures stand before the text, or where it has placeholders.
        """
        before = "" if "<image>" in text else "<image>" * len(pictures)
        encoded = self.processor(
            images=[Image.fromarray(picture) for picture in pictures] or None,
            text=[before + text],
            return_for_text_completion=not separator,
            return_tensors="pt",
        )
        ids = encoded["input_ids"][0]
        if pictures:
            with torch.no_grad():
                tokens = self.model.get_image_tokens(encoded["pixel_values"])
            ids[ids == self.processor.image_token_id] = tokens.flatten().long()
        return [*ids.tolist(), self.begin]

    def logits(self, prompt: list[int], codes: NDArray[np.int32]) -> NDArray[np.float64]:
        """Logits over codes at each place of a picture, of shape (places, codes)."""
        drawn = [self.tokens[code] for code in codes.flatten()]
        with torch.no_grad():
            hidden = self.model.model(input_ids=torch.tensor([prompt + drawn]))[0][0]
            logits = self.model.lm_head(hidden)[len(prompt) - 1 : -1, self.tokens]
        return np.asarray(logits.double().numpy())
