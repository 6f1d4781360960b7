"""What a checkpoint says of one row, computed apart: one forward pass over prompt and answer.

Shares nothing with the code under test but the checkpoint: prompts are written out here, the
processor and the model are loaded anew, and nothing is padded or cached.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from models.describing import DescribeRequest, Description
from tests.models.checkpoints.families import CHAT_PICTURES, ONE_PICTURE, PLACEHOLDERS

# The token that a decoder begins with, of the families that have an encoder too.
_DECODER_STARTS = {"florence2": 2, "blip-2 with t5": 0, "instructblip with t5": 0}


class Reference:
    """A checkpoint of one of the families, in float32 on the CPU."""

    def __init__(self, family: str, folder: Path) -> None:
        self._family = family
        loader: Any = AutoProcessor
        # Emu3 resizes with Pillow alone.
        backend = {"backend": "pil"} if family == "emu3" else {}
        self._processor = loader.from_pretrained(folder, **backend)
        model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
        self._model = model.eval()
        self._suppressed = model.generation_config.suppress_tokens

    def tokens(self, text: str) -> list[int]:
        """The token ids of a text; each word is one token in these checkpoints."""
        return list(self._processor.tokenizer(text, add_special_tokens=False)["input_ids"])

    def logprobs(self, row: DescribeRequest, answer: list[int]) -> torch.Tensor:
        """Log-probabilities at each token of an answer, of shape (tokens, vocabulary)."""
        inputs = self._inputs(row)
        ids = torch.tensor([answer])
        start = _DECODER_STARTS.get(self._family)
        if start is not None:
            shifted = torch.cat([torch.tensor([[start]]), ids], dim=1)[:, :-1]
            with torch.no_grad():
                logits = self._model(**inputs, decoder_input_ids=shifted).logits[0]
        else:
            with torch.no_grad():
                logits = self._model(**self._continued(inputs, ids)).logits[0]
            logits = logits[-len(answer) - 1 : -1]
        logprobs: torch.Tensor = logits.log_softmax(dim=-1)
        return logprobs

    def likeliest(self, logprobs: torch.Tensor) -> list[int]:
        """The likeliest token at each place, of those that the checkpoint may say."""
        allowed = logprobs.clone()
        allowed[:, self._suppressed] = float("-inf")
        return allowed.argmax(dim=-1).tolist()

    def _inputs(self, row: DescribeRequest) -> dict[str, torch.Tensor]:
        pictures = [Image.fromarray(pixels) for pixels in row.images]
        texts = "; ".join(example.text for example in row.examples)
        if self._family in ONE_PICTURE:
            prompt = f"Similar pictures show: {texts}\n{row.prompt}" if texts else row.prompt
            encoded = self._processor(images=pictures, text=[prompt], return_tensors="pt")
        elif self._family == "paligemma":
            more = f" similar pictures show: {texts}" if texts else ""
            encoded = self._processor(
                images=[pictures],
                text=[PLACEHOLDERS["paligemma"] * len(pictures) + row.prompt + more],
                images_kwargs={"return_tensors": "pt"},
            )
        else:
            shown = [Image.fromarray(one.pixels) for one in row.examples if one.pixels is not None]
            encoded = self._processor(
                images=[[*shown, *pictures]],
                text=[self._prompt(row, len(pictures))],
                return_tensors="pt",
            )
        return {name: torch.as_tensor(value) for name, value in encoded.items() if name != "labels"}

    def _prompt(self, row: DescribeRequest, pictures: int) -> str:
        placeholder = PLACEHOLDERS.get(self._family)
        if placeholder is not None:
            separator = self._processor.tokenizer.sep_token
            examples = "".join(
                f"{placeholder}{example.prompt}{separator}{example.text}</s>"
                for example in row.examples
            )
            return examples + placeholder * pictures + row.prompt
        picture = f"{CHAT_PICTURES[self._family]} "
        turns = "".join(
            f"user : {picture}{example.prompt} assistant : {example.text} "
            for example in row.examples
        )
        return f"{turns}user : {picture * pictures}{row.prompt} assistant :"

    def _continued(
        self, inputs: dict[str, torch.Tensor], answer: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        # An answer is text, to be read in one direction.
        causal = 1 if self._family == "paligemma" else 0
        values = {
            "input_ids": answer,
            "attention_mask": torch.ones_like(answer),
            "token_type_ids": torch.full_like(answer, causal),
            "mm_token_type_ids": torch.zeros_like(answer),
        }
        longer = {
            name: torch.cat([value, values[name]], dim=1) if name in values else value
            for name, value in inputs.items()
        }
        if "cross_attention_mask" in longer:
            mask = longer["cross_attention_mask"]
            last = mask[:, -1:].expand(-1, answer.shape[1], -1, -1)
            longer["cross_attention_mask"] = torch.cat([mask, last], dim=1)
        return longer


def assert_by(
    reference: Reference, row: DescribeRequest, result: Description, *, greedy: bool
) -> None:
    """A result's words have the probabilities, and are the choice, of one forward pass."""
    tokens = reference.tokens(result.text)
    assert result.token_count == len(tokens)
    logprobs = reference.logprobs(row, tokens)
    expected = logprobs.gather(1, torch.tensor(tokens).unsqueeze(1)).mean()
    assert result.mean_logprob == pytest.approx(float(expected), abs=1e-4)
    if greedy:
        assert reference.likeliest(logprobs) == tokens
