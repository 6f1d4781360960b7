"""Drawing by compiled steps: the same codes as by steps that are run operation by operation."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from models.compiled_steps import check_compiles
from models.generating import (
    ImageGenerator,
    ImageRequest,
    ImageSample,
    ImageSettings,
    load_image_generator,
)
from models.source import resolve_model
from models.token_generator import TokenImageGenerator
from schemas.errors import ModelError

_SIZE = (32, 24)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are traced and run as graphs, but no code is generated, which takes a minute."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


def _drawn(
    generator: ImageGenerator, requests: list[ImageRequest], guidance: float
) -> list[ImageSample]:
    settings = ImageSettings(guidance=guidance)
    results = generator.generate(generator.encode(requests, settings))
    assert all(isinstance(result, tuple) for result in results), results
    return [sample for result in results if isinstance(result, tuple) for sample in result]


# Emu3 reads two tokens at once where a row of codes ends.
@pytest.mark.usefixtures("traced")
def test_compiled_steps_draw_the_same(checkpoint: Callable[[str], Path]) -> None:
    source = resolve_model(str(checkpoint("emu3")))
    eager = load_image_generator(source, device="cpu")
    compiled = load_image_generator(source, device="cpu", compiled=True)
    # Prompts of different length, which are padded; others in the same room; then other shapes.
    others = ["a circle", "a big brown triangle in a corner", "a red one"]
    prompts = ["a red circle", "a small blue triangle", "a"]
    batches = [
        [
            ImageRequest(prompt=prompt, seed=seed, samples=2, size=_SIZE)
            for seed, prompt in enumerate(prompts)
        ],
        [ImageRequest(prompt=prompt, seed=9, samples=2, size=_SIZE) for prompt in others],
        [ImageRequest(prompt="a teal shape", seed=4, size=_SIZE)],
        [ImageRequest(prompt=prompt, seed=7, samples=2, size=_SIZE) for prompt in prompts],
    ]
    for requests, guidance in zip(batches, (2.0, 2.0, 2.0, 1.0), strict=True):
        found, expected = (_drawn(one, requests, guidance) for one in (compiled, eager))
        for one, other in zip(found, expected, strict=True):
            assert one.codes.tolist() == other.codes.tolist()
            assert one.mean_logprob == pytest.approx(other.mean_logprob, abs=1e-4)
        _overflow(compiled)


def _overflow(generator: ImageGenerator) -> None:
    """Leave behind what a batch does whose numbers overflow."""
    assert isinstance(generator, TokenImageGenerator)
    steps = generator._decoder._compiled
    assert steps is not None
    assert steps._buffers is not None
    with torch.inference_mode():
        for tensor in (*steps._buffers.keys, *steps._buffers.values):
            tensor.fill_(float("nan"))


@pytest.mark.skipif(shutil.which("g++") is None, reason="There is no compiler here.")
def test_a_machine_without_a_compiler_is_told_before_the_first_row() -> None:
    from torch._inductor import config
    from torch._inductor.utils import fresh_cache

    torch._dynamo.reset()
    with (
        fresh_cache(),
        config.patch({"cpp.cxx": (None, "no-such-compiler")}),
        pytest.raises(ModelError, match=r"Nothing can be compiled for cpu here: .* --compile"),
    ):
        check_compiles(torch.device("cpu"))
