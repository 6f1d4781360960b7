"""Drawing with Janus and Emu3: the codes of the models' own ``generate``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    LogitsProcessor,
    LogitsProcessorList,
    UnbatchedClassifierFreeGuidanceLogitsProcessor,
)

from models.generating import ImageRequest, ImageSettings, load_image_generator
from models.source import resolve_model

_Guidance: Any = UnbatchedClassifierFreeGuidanceLogitsProcessor
_PROMPTS = ("what colour is it", "describe", "what colour is the big thing in this picture")


def _drawn(
    folder: Path, guidance: float, size: tuple[int, int] | None = None
) -> list[NDArray[np.int32]]:
    generator = load_image_generator(resolve_model(str(folder)), device="cpu")
    rows = [ImageRequest(prompt=prompt, seed=0, size=size) for prompt in _PROMPTS]
    settings = ImageSettings(temperature=0.0, guidance=guidance)
    results = generator.generate(generator.encode(rows, settings))
    drawn = []
    for result in results:
        assert isinstance(result, tuple), result
        drawn.append(result[0].codes)
    assert len({codes.tobytes() for codes in drawn}) > 1
    return drawn


def _load(folder: Path) -> tuple[Any, Any]:
    loader: Any = AutoProcessor
    model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    return loader.from_pretrained(folder), model.eval()


@pytest.mark.parametrize("guidance", [2.0, 5.0])
def test_janus_draws_what_its_own_generate_draws(
    checkpoint: Callable[[str], Path], guidance: float
) -> None:
    folder = checkpoint("janus")
    processor, model = _load(folder)
    boi = processor.tokenizer.convert_tokens_to_ids(processor.image_start_token)
    model.generation_config.generation_kwargs = {"boi_token_id": boi}
    for prompt, codes in zip(_PROMPTS, _drawn(folder, guidance), strict=True):
        turn = {"role": "user", "content": [{"type": "text", "text": prompt}]}
        text = processor.apply_chat_template([turn], add_generation_prompt=True)
        inputs = processor(text=text, generation_mode="image", return_tensors="pt")
        own = model.generate(
            **inputs,
            generation_mode="image",
            do_sample=False,
            guidance_scale=guidance,
            suppress_tokens=None,
        )
        assert own[0].tolist() == codes.flatten().tolist()


class _Grid(LogitsProcessor):
    """Emu3's constraint: codes, and the end of a line after each row of them."""

    def __init__(self, prompt: int, width: int, codes: list[int], end: int) -> None:
        self._prompt, self._width, self._codes, self._end = prompt, width, codes, end

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        place = (input_ids.shape[1] - self._prompt) % (self._width + 1)
        allowed = [self._end] if place == self._width else self._codes
        masked = torch.full_like(scores, float("-inf"))
        masked[:, allowed] = scores[:, allowed]
        return masked


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_emu3_draws_what_its_own_generate_draws(
    checkpoint: Callable[[str], Path], guidance: float
) -> None:
    folder = checkpoint("emu3")
    processor, model = _load(folder)
    vocabulary = processor.tokenizer.get_vocab()
    codes = [vocabulary[f"<|visual token {code:06d}|>"] for code in range(32)]
    height, width = 5, 5
    options = {
        "return_for_image_generation": True,
        "image_area": 40 * 40,
        "return_tensors": "pt",
    }
    nothing = processor(text="", **options)
    for prompt, drawn in zip(_PROMPTS, _drawn(folder, guidance, (40, 40)), strict=True):
        inputs = processor(text=prompt, **options)
        processors: list[LogitsProcessor] = []
        if guidance != 1:
            guided = _Guidance(guidance, model, unconditional_ids=nothing["input_ids"])
            processors.append(guided)
        prompt_length = inputs["input_ids"].shape[1]
        end = vocabulary["<|extra_200|>"]
        processors.append(_Grid(prompt_length, width, codes, end))
        own = model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            logits_processor=LogitsProcessorList(processors),
            max_new_tokens=height * (width + 1),
            do_sample=False,
            suppress_tokens=None,
        )
        lines = own[0, prompt_length:].view(height, width + 1)
        assert set(lines[:, -1].tolist()) == {end}
        assert [[codes.index(token) for token in line[:-1]] for line in lines.tolist()] == (
            drawn.tolist()
        )
