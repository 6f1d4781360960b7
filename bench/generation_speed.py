"""Drawing against transformers' own ``generate``, and what guidance and shared prompts cost.

``python -m bench.generation_speed [--rows 8] [--repeats 5] [--threads 1]``: on calumma-tiny, and on
a Chameleon of 100 M random parameters with the vocabulary and codebook of the published one (65,536
tokens, 8,192 codes) and pictures of 8 x 8 codes. The same model, prompts, rows and number of
codes on both sides; ``generate`` is given a processor that allows codes alone, and for guidance its
own processor, which runs the model once more for each token. Repeats are interleaved; figures are
medians, and ratios are medians of the ratios within a repeat.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers import models as tokenizer_models
from transformers import (
    ChameleonConfig,
    ChameleonForConditionalGeneration,
    ChameleonImageProcessor,
    ChameleonProcessor,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedTokenizerFast,
    UnbatchedClassifierFreeGuidanceLogitsProcessor,
)

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

    def __init__(self, loaded: LoadedModel, prompts: list[str]) -> None:
        self._loaded = loaded
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
        self._allowed = torch.tensor(code_tokens(loaded.source.name, mapping.img2bpe, size))

    def ours(self, guidance: float) -> None:
        settings = ImageSettings(guidance=guidance)
        rows = [ImageRequest(prompt=text, seed=seed) for seed, text in enumerate(self._prompts)]
        self.draw(rows, settings)

    def draw(self, rows: list[ImageRequest], settings: ImageSettings) -> None:
        results = self._generator.generate(self._generator.encode(rows, settings))
        assert all(isinstance(result, tuple) for result in results)

    def theirs(self, guidance: float) -> None:
        asked = [Asked(text=text, pictures=0, grid=self._grid) for text in self._prompts]
        ids, mask = _padded([self._model.prompt(one) for one in asked])
        chosen = LogitsProcessorList()
        if guidance != 1:
            nothing, nothing_mask = _padded([self._model.unconditional(one) for one in asked])
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

    def samples(self, picture: np.ndarray, way: str) -> None:
        """Eight samples of an edit: in one request, in eight of a batch, or one after another."""
        settings = ImageSettings(guidance=_SCALE)
        count = _SAMPLES if way == "one request" else 1
        rows = [
            ImageRequest(prompt=self._prompts[0], seed=seed, samples=count, images=(picture,))
            for seed in range(_SAMPLES // count)
        ]
        for batch in [[row] for row in rows] if way == "one by one" else [rows]:
            self.draw(batch, settings)


def _padded(prompts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    return ids, mask


def write_random_chameleon(folder: Path) -> None:
    """Write a Chameleon of 100 M random parameters that draws 8 x 8 of 8,192 codes."""
    codes = [
        f"IMGIMG{''.join('ABCDEFGHIJ'[int(digit)] for digit in str(code))}Z" for code in range(8192)
    ]
    named = {"image_token": "<image>", "boi_token": "<racm3:break>", "eoi_token": "<eoss>"}
    special = ["<pad>", "<s>", "</s>", "<unk>", *named.values()]
    words = [f"word{number}" for number in range(1000)]
    vocabulary = {token: number for number, token in enumerate([*special, *codes, *words])}
    fast = Tokenizer(tokenizer_models.WordLevel(vocabulary, unk_token="<unk>"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast.add_special_tokens(special)
    fast.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=fast,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        sep_token="<unk>",
        extra_special_tokens=named,
    )
    model = ChameleonForConditionalGeneration(
        ChameleonConfig(
            vocab_size=65536,
            hidden_size=512,
            intermediate_size=1408,
            num_hidden_layers=10,
            num_attention_heads=8,
            num_key_value_heads=8,
            max_position_embeddings=1024,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
            vq_config={
                "resolution": 64,
                "base_channels": 32,
                "channel_multiplier": (1, 1, 1),
                "num_res_blocks": 0,
                "embed_dim": 8,
                "num_embeddings": len(codes),
                "latent_channels": 8,
            },
            vocabulary_map={name: vocabulary[name] for name in [*codes, "<image>"]},
        )
    )
    pixels = {"height": 64, "width": 64}
    processor = ChameleonProcessor(
        ChameleonImageProcessor(size={"shortest_edge": 64}, crop_size=pixels),
        tokenizer,
        image_seq_length=64,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def _seconds(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _interleaved(calls: dict[str, Callable[[], None]], repeats: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(repeats + 1):
        for name, call in calls.items():
            seconds = _seconds(call)
            # The first round warms up.
            if repeat:
                taken[name].append(seconds)
    return taken


def _ratio(slow: list[float], fast: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(slow, fast, strict=True))


def compare(name: str, contest: Contest, picture: np.ndarray, rows: int, repeats: int) -> None:
    """Print the figures of one model."""
    taken = _interleaved(
        {
            "ours": lambda: contest.ours(1.0),
            "generate": lambda: contest.theirs(1.0),
            "ours, guided": lambda: contest.ours(_SCALE),
            "generate, guided": lambda: contest.theirs(_SCALE),
        },
        repeats,
    )
    print(f"{name}, {rows} rows of {contest.codes} codes:")
    for way, seconds in taken.items():
        print(f"  {way:17} {rows * contest.codes / statistics.median(seconds):8.0f} codes/s")
    print(f"  against generate:         {_ratio(taken['generate'], taken['ours']):.2f} x")
    guided = _ratio(taken["generate, guided"], taken["ours, guided"])
    print(f"  against generate, guided: {guided:.2f} x")
    print(f"  guidance costs:           {_ratio(taken['ours, guided'], taken['ours']):.2f} x")
    ways = ("one request", "one batch", "one by one")
    calls: dict[str, Any] = {way: lambda way=way: contest.samples(picture, way) for way in ways}
    taken = _interleaved(calls, repeats)
    for way in ways[1:]:
        gain = _ratio(taken[way], taken[ways[0]])
        print(f"  8 samples of an edit against 8 requests, {way}: {gain:.2f} x", flush=True)


def main() -> None:
    """Print the figures of both models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    rows, repeats = arguments.rows, arguments.repeats
    colours = ("red", "green", "blue", "black", "gray", "teal", "brown", "yellow")
    prompts = [f"draw a {colours[row % len(colours)]} circle" for row in range(rows)]
    embedded = load_model(resolve_model(DEFAULT_MODEL), device="cpu")
    compare("calumma-tiny", Contest(embedded, prompts), picture, rows, repeats)
    with tempfile.TemporaryDirectory() as folder:
        write_random_chameleon(Path(folder))
        loaded = load_model(resolve_model(folder), device="cpu")
    millions = loaded.model.num_parameters() / 1e6
    prompts = [" ".join(f"word{row + word}" for word in range(8)) for row in range(rows)]
    contest = Contest(loaded, prompts)
    compare(f"Chameleon of {millions:.0f} M", contest, picture, rows, repeats)


if __name__ == "__main__":
    main()
