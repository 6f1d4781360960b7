"""Choosing tokens: probabilities against a plain forward pass, sampling against softmax."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from models.decoding import RowSampler
from models.describing import DecodingSettings, Describer, Description, load_describer
from models.source import EMBEDDED_FOLDER
from tests.models.altered import with_generation
from tests.models.rows import GREEDY, assert_same, described, mixed_rows, noise, request


def _mean_logprob(
    folder: Path, prompt: str, picture: np.ndarray, text: str, end: list[int]
) -> float:
    """Mean log-probability of a text after a prompt, by one forward pass over both."""
    loader: Any = AutoProcessor
    processor = loader.from_pretrained(folder)
    model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    inputs = processor(images=Image.fromarray(picture), text=prompt, return_tensors="pt")
    words = processor.tokenizer(text, add_special_tokens=False)["input_ids"] + end
    answer = torch.tensor([words])
    whole = torch.cat([inputs["input_ids"], answer], dim=1)
    with torch.no_grad():
        logits = model(input_ids=whole, pixel_values=inputs["pixel_values"]).logits
    logprobs = logits[0, -len(words) - 1 : -1].log_softmax(dim=-1)
    return float(logprobs.gather(1, answer[0].unsqueeze(1)).mean())


@pytest.mark.parametrize(
    "prompt", ["describe briefly", "describe in detail", "is there a blue shape?"]
)
def test_mean_logprob_is_that_of_a_forward_pass(embedded: Describer, prompt: str) -> None:
    picture = noise(64, 64, 3)
    (result,) = embedded.describe(
        [request(picture, prompt=prompt)], DecodingSettings(max_new_tokens=32)
    )
    result = described(result)
    assert result.finish_reason == "stop"
    expected = _mean_logprob(EMBEDDED_FOLDER, f"<image>{prompt}", picture, result.text, [2])
    assert result.mean_logprob == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_mean_logprob_is_of_the_raw_distribution(
    describer: Callable[[str], Describer], checkpoint: Callable[[str], Path], temperature: float
) -> None:
    # The checkpoint suppresses special tokens, and temperature and top-p change the rest.
    settings = DecodingSettings(max_new_tokens=8, temperature=temperature, top_p=0.7)
    picture = noise(32, 32, 4)
    result = described(describer("llava").describe([request(picture, seed=5)], settings)[0])
    assert result.token_count == len(result.text.split()) == 8
    prompt = "user : <image> describe it assistant :"
    expected = _mean_logprob(checkpoint("llava"), prompt, picture, result.text, [])
    assert result.mean_logprob == pytest.approx(expected, abs=1e-4)


def test_generation_defaults_of_a_checkpoint_do_not_leak(
    checkpoint: Callable[[str], Path], describer: Callable[[str], Describer], tmp_path: Path
) -> None:
    source = with_generation(
        checkpoint("llava"),
        tmp_path,
        do_sample=True,
        temperature=5.0,
        top_k=3,
        num_beams=3,
        repetition_penalty=9.0,
        no_repeat_ngram_size=1,
        max_length=3,
        min_new_tokens=7,
    )
    rows = mixed_rows()
    altered = load_describer(source, device="cpu")
    assert_same(altered.describe(rows, GREEDY), describer("llava").describe(rows, GREEDY))


def test_a_first_token_that_must_be_is(
    checkpoint: Callable[[str], Path], describer: Callable[[str], Describer], tmp_path: Path
) -> None:
    # As Florence-2's checkpoints have it; 30 is an ordinary word.
    source = with_generation(checkpoint("florence2"), tmp_path, forced_bos_token_id=30)
    rows = mixed_rows()
    forced = load_describer(source, device="cpu").describe(rows, GREEDY)
    first_words = {described(result).text.split()[0] for result in forced}
    free = {
        described(result).text.split()[0]
        for result in describer("florence2").describe(rows, GREEDY)
    }
    assert len(first_words) == 1
    assert len(free) > 1


def test_sampling_follows_the_softmax() -> None:
    logits = torch.tensor([[1.0, 0.0, -1.0, 2.0, float("-inf")]])
    draws = 20_000
    sampler = RowSampler(range(draws))
    tokens = sampler(torch.empty(draws, 0), logits.expand(draws, -1)).argmax(dim=-1)
    shares = torch.bincount(tokens, minlength=5) / draws
    # Four standard deviations of a share of one half.
    assert torch.allclose(shares, logits.softmax(dim=-1)[0], atol=0.015)
    assert shares[4] == 0


def test_top_p_leaves_unlikely_tokens_out(describer: Callable[[str], Describer]) -> None:
    rows = mixed_rows()
    nearly_greedy = DecodingSettings(max_new_tokens=8, temperature=1.0, top_p=1e-6)
    model = describer("llava")
    assert_same(model.describe(rows, nearly_greedy), model.describe(rows, GREEDY))
    free = model.describe(rows, DecodingSettings(max_new_tokens=8, temperature=1.0))
    greedy = model.describe(rows, GREEDY)
    assert [described(result).text for result in free] != [
        described(result).text for result in greedy
    ]


def test_descriptions_are_plain_values(embedded: Describer) -> None:
    result = embedded.describe([request(noise(64, 64, 0), prompt="describe briefly")], GREEDY)[0]
    assert isinstance(result, Description)
    assert type(result.mean_logprob) is float
    assert type(result.token_count) is int
