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
from tests.models.altered import token_id, with_generation
from tests.models.reference import Reference, assert_by
from tests.models.rows import GREEDY, SAMPLING, assert_same, described, mixed_rows, noise, request


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


@pytest.mark.parametrize("model_type", ["qwen2_vl", "florence2", "blip-2 with t5"])
@pytest.mark.parametrize("settings", [GREEDY, SAMPLING], ids=["greedy", "sampling"])
def test_rows_that_end_early_are_counted_to_their_end(
    checkpoint: Callable[[str], Path],
    describer: Callable[[str], Describer],
    reference: Callable[[str], Reference],
    tmp_path: Path,
    model_type: str,
    settings: DecodingSettings,
) -> None:
    rows = mixed_rows()
    texts = [described(one).text.split() for one in describer(model_type).describe(rows, settings)]
    # A word that ends some rows before the limit, and leaves others as they were.
    last = next(
        word for text in texts for word in text[:-1] if any(word not in other for other in texts)
    )
    folder = checkpoint(model_type)
    ending = with_generation(folder, tmp_path, eos_token_id=[2, token_id(folder, last)])
    results = load_describer(ending, device="cpu").describe(rows, settings)
    for row, text, result in zip(rows, texts, map(described, results), strict=True):
        length = text.index(last) + 1 if last in text else 8
        assert result.text.split() == text[:length]
        assert result.finish_reason == ("stop" if last in text else "length")
        assert_by(reference(model_type), row, result, greedy=settings is GREEDY)
    assert len({described(result).finish_reason for result in results}) == 2


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


_LOGITS = torch.tensor([[float("-inf"), 1.0, 0.0, float("-inf"), -1.0, 2.0, float("-inf")]])
# Chi-square with 3 degrees of freedom is above this once in ten thousand times.
_CHI_SQUARE_BOUND = 21.1


def _chi_square(tokens: torch.Tensor) -> float:
    counts = torch.bincount(tokens, minlength=_LOGITS.shape[1]).double()
    expected = _LOGITS[0].double().softmax(dim=-1) * len(tokens)
    possible = expected > 0
    assert counts[~possible].sum() == 0
    return float(((counts - expected)[possible] ** 2 / expected[possible]).sum())


def test_sampling_many_rows_follows_the_softmax() -> None:
    draws = 20_000
    sampler = RowSampler(range(draws), steps=2)
    first, second = (
        sampler(torch.empty(draws, 0), _LOGITS.expand(draws, -1)).argmax(dim=-1) for _ in range(2)
    )
    assert _chi_square(first) < _CHI_SQUARE_BOUND
    assert _chi_square(second) < _CHI_SQUARE_BOUND
    # Steps are independent: so often do they agree by chance.
    agreeing = float((_LOGITS[0].softmax(dim=-1) ** 2).sum())
    assert float((first == second).double().mean()) == pytest.approx(agreeing, abs=0.015)


def test_sampling_many_steps_of_a_row_follows_the_softmax() -> None:
    steps = 5_000
    sampler = RowSampler([7], steps)
    tokens = [int(sampler(torch.empty(1, 0), _LOGITS).argmax()) for _ in range(steps)]
    assert _chi_square(torch.tensor(tokens)) < _CHI_SQUARE_BOUND


def test_a_row_samples_the_same_beside_any_others() -> None:
    logits = torch.randn(3, 1000, generator=torch.Generator().manual_seed(0))
    together = RowSampler([5, 6, 7], steps=4)
    alone = RowSampler([6], steps=4)
    for _ in range(4):
        chosen = together(torch.empty(3, 0), logits)
        assert torch.equal(chosen[1:2], alone(torch.empty(1, 0), logits[1:2]))
        assert (chosen > float("-inf")).sum(dim=-1).tolist() == [1, 1, 1]


@pytest.mark.parametrize(("uniform", "token"), [(0.0, 1), (1.0 - 2**-53, 5), (1.0, 5)])
def test_masked_tokens_are_never_sampled(
    monkeypatch: pytest.MonkeyPatch, uniform: float, token: int
) -> None:
    # The ends of the range, and what rounding may make of the upper one.
    monkeypatch.setattr(
        torch, "rand", lambda steps, **_: torch.full((steps,), uniform, dtype=torch.float64)
    )
    chosen = RowSampler([0], steps=1)(torch.empty(1, 0), _LOGITS)
    assert int(chosen.argmax()) == token


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
