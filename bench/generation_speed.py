"""Drawing against transformers' own ``generate``, and what guidance and shared prompts cost.

``python -m bench.generation_speed [--rows 8] [--repeats 5] [--threads 1] [--device cpu]``: on
calumma-tiny, and on a Chameleon of 100 M random parameters with the vocabulary and codebook of the
published one (65,536 tokens, 8,192 codes) and pictures of 8 x 8 codes. The same model, prompts,
rows and number of codes on both sides; ``generate`` is given a processor that allows codes alone,
and for guidance its own processor, which runs the model once more for each token. Repeats are
interleaved; figures are medians, and ratios are medians of the ratios within a repeat. ``--dtype``
says in which number format: by default bfloat16 on an accelerator, and float32 on the CPU;
``--compile`` draws with compiled steps besides. Held to 1.5 times the speed of ``generate``, guided
or not, and guidance to 1.6 times the time without: ends with 1 where one of them is missed.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    UnbatchedClassifierFreeGuidanceLogitsProcessor,
)

from bench.bounds import held
from bench.device_time import device_name, seconds_of
from bench.random_chameleon import write_random_chameleon
from models.chameleon_images import ChameleonImages
from models.generating import ImageRequest, ImageSettings
from models.image_model import Asked
from models.image_vocabulary import code_tokens
from models.loading import LoadedModel, load_model
from models.source import DEFAULT_MODEL, resolve_model
from models.token_generator import TokenImageGenerator

_Guidance: Any = UnbatchedClassifierFreeGuidanceLogitsProcessor
_SCALE = 3.0
_SAMPLES = 8
_LEAST_GAIN = 1.5
_MOST_OF_GUIDANCE = 1.6


class _CodesOnly(LogitsProcessor):
    """Allows codes alone: what the drawing loop has by construction."""

    def __init__(self, tokens: torch.Tensor) -> None:
        self._tokens = tokens

    def __call__(self, _input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Mask all else in scores of shape (rows, vocabulary)."""
        masked = torch.full_like(scores, float("-inf"))
        masked[:, self._tokens] = scores[:, self._tokens]
        return masked


class Contest:
    """Draws the same requests with both loops."""

    def __init__(self, loaded: LoadedModel, prompts: list[str], *, compiled: bool) -> None:
        self._loaded = loaded
        # Two, for each keeps what it compiled and recorded for the last shape alone.
        scales = (1.0, _SCALE) if compiled else ()
        self._compiled = {scale: TokenImageGenerator(loaded, compiled=True) for scale in scales}
        self.device = loaded.device
        self.dtype = str(loaded.dtype).removeprefix("torch.")
        self._prompts = prompts
        self._generator = TokenImageGenerator(loaded)
        self._model = ChameleonImages(loaded)
        self._grid = self._model.grid(None)
        self.codes = self._grid[0] * self._grid[1]
        # transformers masks codes in the model itself: it is let off that, to our disadvantage.
        mapping = loaded.model.model.vocabulary_mapping
        _ = mapping.img2bpe_mapping_tensor
        mapping.__dict__["image_tokens"] = []
        size = loaded.model.config.vq_config.num_embeddings
        tokens = code_tokens(loaded.source.name, mapping.img2bpe, size)
        self._allowed = torch.tensor(tokens, device=loaded.device)

    def ours(self, guidance: float) -> None:
        self._draw(self._generator, self._rows(), ImageSettings(guidance=guidance))

    def compiled(self, guidance: float) -> None:
        self._draw(self._compiled[guidance], self._rows(), ImageSettings(guidance=guidance))

    def _rows(self) -> list[ImageRequest]:
        return [ImageRequest(prompt=text, seed=seed) for seed, text in enumerate(self._prompts)]

    @staticmethod
    def _draw(
        generator: TokenImageGenerator, rows: list[ImageRequest], settings: ImageSettings
    ) -> None:
        results = generator.generate(generator.encode(rows, settings))
        assert all(isinstance(result, tuple) for result in results)

    def theirs(self, guidance: float) -> None:
        asked = [Asked(text=text, pictures=0, grid=self._grid) for text in self._prompts]
        ids, mask = self._padded([self._model.prompt(one) for one in asked])
        chosen = LogitsProcessorList()
        if guidance != 1:
            nothing, nothing_mask = self._padded([self._model.unconditional(one) for one in asked])
            chosen.append(
                _Guidance(
                    guidance,
                    self._loaded.model,
                    unconditional_ids=nothing,
                    unconditional_attention_mask=nothing_mask,
                )
            )
        chosen.append(_CodesOnly(self._allowed))
        with torch.inference_mode():
            drawn = self._loaded.model.generate(
                input_ids=ids,
                attention_mask=mask,
                logits_processor=chosen,
                do_sample=True,
                top_k=0,
                max_new_tokens=self.codes,
                min_new_tokens=self.codes,
            )
        assert drawn.shape[1] == ids.shape[1] + self.codes

    def _padded(self, prompts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        longest = max(map(len, prompts))
        padding = [longest - len(prompt) for prompt in prompts]
        ids = [[0] * some + prompt for some, prompt in zip(padding, prompts, strict=True)]
        mask = [[0] * some + [1] * (longest - some) for some in padding]
        device = self._loaded.device
        return torch.tensor(ids, device=device), torch.tensor(mask, device=device)

    def samples(self, picture: np.ndarray, way: str) -> None:
        """Eight samples of an edit: in one request, in eight of a batch, or one after another."""
        settings = ImageSettings(guidance=_SCALE)
        count = _SAMPLES if way == "one request" else 1
        rows = [
            ImageRequest(prompt=self._prompts[0], seed=seed, samples=count, images=(picture,))
            for seed in range(_SAMPLES // count)
        ]
        for batch in [[row] for row in rows] if way == "one by one" else [rows]:
            self._draw(self._generator, batch, settings)


def _interleaved(
    calls: dict[str, Callable[[], None]], repeats: int, device: torch.device
) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(repeats + 1):
        for name, call in calls.items():
            seconds = seconds_of(call, device)
            # The first round warms up.
            if repeat:
                taken[name].append(seconds)
    return taken


def _ratio(slow: list[float], fast: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(slow, fast, strict=True))


def compare(
    name: str, contest: Contest, picture: np.ndarray, rows: int, repeats: int, *, compiled: bool
) -> bool:
    """Print the figures of one model; are all bounds held?"""
    device = contest.device
    contestants: dict[str, Callable[[], None]] = {
        "ours": lambda: contest.ours(1.0),
        "generate": lambda: contest.theirs(1.0),
        "ours, guided": lambda: contest.ours(_SCALE),
        "generate, guided": lambda: contest.theirs(_SCALE),
    }
    if compiled:
        contestants["compiled"] = lambda: contest.compiled(1.0)
        contestants["compiled, guided"] = lambda: contest.compiled(_SCALE)
    taken = _interleaved(contestants, repeats, device)
    print(f"{name}, {rows} rows of {contest.codes} codes, {contest.dtype}, {device_name(device)}:")
    for way, seconds in taken.items():
        print(f"  {way:17} {rows * contest.codes / statistics.median(seconds):8.0f} codes/s")
    plain = _ratio(taken["generate"], taken["ours"])
    guided = _ratio(taken["generate, guided"], taken["ours, guided"])
    cost = _ratio(taken["ours, guided"], taken["ours"])
    all_held = [
        held(f"  against generate:         {plain:.2f} x", plain, least=_LEAST_GAIN),
        held(f"  against generate, guided: {guided:.2f} x", guided, least=_LEAST_GAIN),
        held(f"  guidance costs:           {cost:.2f} x", cost, most=_MOST_OF_GUIDANCE),
    ]
    if compiled:
        for way in ("ours", "ours, guided"):
            gain = _ratio(taken[way], taken[way.replace("ours", "compiled")])
            print(f"  compiled against {way}: {gain:.2f} x")
    ways = ("one request", "one batch", "one by one")
    calls: dict[str, Any] = {way: lambda way=way: contest.samples(picture, way) for way in ways}
    taken = _interleaved(calls, repeats, device)
    for way in ways[1:]:
        gain = _ratio(taken[way], taken[ways[0]])
        print(f"  8 samples of an edit against 8 requests, {way}: {gain:.2f} x", flush=True)
    return all(all_held)


def main() -> None:
    """Print the figures of both models; end with 1 if a bound is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    rows, repeats, device = arguments.rows, arguments.repeats, arguments.device
    compiled = arguments.compile
    colours = ("red", "green", "blue", "black", "gray", "teal", "brown", "yellow")
    prompts = [f"draw a {colours[row % len(colours)]} circle" for row in range(rows)]
    embedded = load_model(resolve_model(DEFAULT_MODEL), device=device, dtype=arguments.dtype)
    contest = Contest(embedded, prompts, compiled=compiled)
    all_held = [compare("calumma-tiny", contest, picture, rows, repeats, compiled=compiled)]
    with tempfile.TemporaryDirectory() as folder:
        write_random_chameleon(Path(folder), device=device)
        loaded = load_model(resolve_model(folder), device=device, dtype=arguments.dtype)
    millions = loaded.model.num_parameters() / 1e6
    prompts = [" ".join(f"word{row + word}" for word in range(8)) for row in range(rows)]
    contest = Contest(loaded, prompts, compiled=compiled)
    name = f"Chameleon of {millions:.0f} M"
    all_held.append(compare(name, contest, picture, rows, repeats, compiled=compiled))
    sys.exit(0 if all(all_held) else 1)


if __name__ == "__main__":
    main()
