"""A tokenizer from pictures to a folder that jobs load, ended on the way and gone on with."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import load_file
from skimage.metrics import peak_signal_noise_ratio
from transformers import AutoConfig, AutoProcessor

from models.framing import Framing
from models.image_tokens import ImageCodes, TokenizeRequest, load_image_tokenizer
from models.source import EMBEDDED_FOLDER, resolve_image_tokenizer
from pipelines.cli import run
from pipelines.train_pictures import train_pictures
from schemas.errors import ModelError, UsageError
from tests.end_to_end.conftest import RunJson, read_table
from tests.training.lines import Silent
from training.options import FitOptions, PictureOptions
from training.picture_order import draw_held_out
from training.tokenizer_config import (
    CodebookOptions,
    DecoderOptions,
    EncoderOptions,
    TokenizerConfig,
)

pytestmark = pytest.mark.usefixtures("one_thread")
SIDE = 32


def a_config(catalog: Path, out: Path, **training: Any) -> TokenizerConfig:
    plain = {"steps": 9, "batch_size": 4, "warmup_steps": 2, "save_every": 2, "log_every": 1}
    return TokenizerConfig(
        catalog=str(catalog),
        out=str(out),
        pictures=PictureOptions(resolution=SIDE, held_out=6, mirror=True),
        encoder=EncoderOptions(channel_multiplier=(1, 1, 1), latent_channels=8),
        codebook=CodebookOptions(
            size=24, dimensions=4, warmup_steps=3, start_vectors=4, restart_after=2
        ),
        decoder=DecoderOptions(channels=(32, 32), residual_blocks=2, pixel_shuffle=2),
        context=128,
        training=FitOptions(**{**plain, **training}),
    )


class Stopping(Silent):
    """Ends the training after a step, as a machine that is lost."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def stepped(self, report: Any) -> None:
        super().stepped(report)
        if report.step == self._after:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def trained(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Silent]:
    """A whole training: its folder, and what was told on the way."""
    out = tmp_path_factory.mktemp("trained")
    silent = Silent()
    assert train_pictures(a_config(pictures, out), silent) == 0
    return out, silent


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    model = load_file(out / "model.safetensors")
    return model | load_file(out / "vq_decoder.safetensors")


@pytest.mark.parametrize("after", [2, 8])
def test_going_on_gives_the_same_bits(
    trained: tuple[Path, Silent], pictures: Path, tmp_path: Path, after: int
) -> None:
    """Before the codebook is begun, and behind it; the last checkpoint is one step back."""
    config = a_config(pictures, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train_pictures(config, Stopping(after))
    silent = Silent()
    train_pictures(config, silent)
    assert silent.begins == [(after - 1) // 2 * 2]
    expected, found = weights_of(trained[0]), weights_of(tmp_path)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name


def test_what_is_measured_is_what_the_finished_folder_does(
    trained: tuple[Path, Silent], pictures: Path
) -> None:
    out, silent = trained
    step, measured = silent.held_out[-1]
    receipt = json.loads((out / "training.json").read_text())
    assert (step, receipt["held_out"], receipt["failures"]) == (9, measured, "")
    model = load_image_tokenizer(resolve_image_tokenizer(str(out)), device="cpu")
    assert (model.codebook_size, model.pixels_per_code) == (24, 4)
    paths = sorted(pictures.iterdir())
    held_out = [paths[number] for number in draw_held_out(40, 6, seed=0)]
    # At half scale, as jobs decode what is larger than the model makes use of.
    halves = [np.asarray(Pillow.open(path).convert("RGB").reduce(2)) for path in held_out]
    requests = [TokenizeRequest(pixels=pixels) for pixels in halves]
    prepared = model.prepare(requests, Framing())
    rows = model.encode(prepared)
    codes = np.stack([row.codes for row in rows if isinstance(row, ImageCodes)])
    assert codes.shape == (6, 8, 8)
    made = zip(model.frames(prepared), model.decode(rows), strict=True)  # type: ignore[arg-type]
    expected = np.mean([peak_signal_noise_ratio(frame, picture) for frame, picture in made])
    assert measured["psnr"] == pytest.approx(expected, abs=0.02)
    shares = np.bincount(codes.ravel()) / codes.size
    assert measured["codes_used"] == (shares > 0).sum()
    entropy = -(shares[shares > 0] * np.log(shares[shares > 0])).sum()
    assert measured["perplexity"] == pytest.approx(np.exp(entropy), rel=1e-4)


def test_the_finished_folder_is_a_checkpoint_for_all_jobs(
    trained: tuple[Path, Silent], pictures: Path, tmp_path: Path, run_json: RunJson
) -> None:
    folder = trained[0]
    out = tmp_path / "out"
    counts = run_json("tokenize", pictures, out, "--model", folder)["counts"]
    assert counts["rows_out"] == 40
    rows = read_table(out, "tokens")
    codes = np.array([row["codes"] for row in rows])
    assert codes.shape == (40, 64)
    assert codes.max() < 24
    assert len(np.unique(codes)) > 4
    counts = run_json("reconstruct", out, tmp_path / "pictures", "--model", folder)["counts"]
    assert counts["rows_out"] == 40
    processor: Any = AutoProcessor.from_pretrained(folder)  # type: ignore[no-untyped-call]
    assert processor.image_seq_length == 64
    assert processor.image_processor.size == {"shortest_edge": SIDE}
    # The codes have tokens, and the texts those that they had.
    config = AutoConfig.from_pretrained(folder)
    assert config.max_position_embeddings == 128
    before = AutoConfig.from_pretrained(EMBEDDED_FOLDER).vocabulary_map
    assert config.vocabulary_map == {name: before[name] for name in config.vocabulary_map}
    assert len(config.vocabulary_map) == 24 + 1
    # There is no language model in it.
    assert run(["caption", str(pictures), str(tmp_path / "said"), "--model", str(folder)]) == 1


def test_what_does_not_serve_is_said_before_anything_is_trained(
    trained: tuple[Path, Silent], pictures: Path, tmp_path: Path
) -> None:
    silent = Silent()
    config = a_config(pictures, tmp_path)
    many = replace(config, codebook=CodebookOptions(size=8192, warmup_steps=3))
    with pytest.raises(UsageError, match="too few for a codebook of 8192: give at least 512, or"):
        train_pictures(many, silent)
    with pytest.raises(UsageError, match="fewer than a batch of 64"):
        train_pictures(a_config(pictures, tmp_path, batch_size=64), silent)
    with pytest.raises(ModelError, match="type clip"):
        train_pictures(replace(config, base="calumma-clip"), silent)
    with pytest.raises(UsageError, match="64 codes, which do not fit a language model of 60 pos"):
        train_pictures(replace(config, context=60), silent)
    before = replace(a_config(pictures, trained[0]), decoder=DecoderOptions(channels=(64, 32)))
    with pytest.raises(UsageError, match=r"decoder.channels = \[32, 32\], not \[64, 32\]"):
        train_pictures(before, silent)
    assert not silent.reports


@pytest.mark.parametrize(
    ("part", "options", "message"),
    [
        (EncoderOptions, {"base_channels": 48}, "encoder.base_channels must be a multiple of 32"),
        (EncoderOptions, {"residual_blocks": 0}, "cannot change its width"),
        (DecoderOptions, {"channels": ()}, "decoder.channels must name a width"),
        (DecoderOptions, {"pixel_shuffle": 3}, "must be 1, 2, 4, 8 or 16, not 3"),
        (CodebookOptions, {"decay": 1.5}, "codebook.decay must be from 0 to 1, not 1.5"),
        (CodebookOptions, {"warmup_steps": 0}, "codebook.warmup_steps must be at least 1"),
        (PictureOptions, {"held_out": 0}, "pictures.held_out must be at least 1, not 0"),
        (FitOptions, {"learning_rate": 0}, "training.learning_rate must be above 0, not 0"),
    ],
)
def test_options_that_cannot_be(part: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        part(**options)


def test_parts_that_do_not_fit_each_other() -> None:
    with pytest.raises(UsageError, match="halves a picture's sides 3 times, and the decoder dou"):
        TokenizerConfig(catalog="a", out="b", decoder=DecoderOptions(channels=(64, 64)))
    with pytest.raises(UsageError, match="must be a multiple of 8 pixels"):
        TokenizerConfig(catalog="a", out="b", pictures=PictureOptions(resolution=60))
    with pytest.raises(UsageError, match=r"must be less than training\.steps"):
        TokenizerConfig(catalog="a", out="b", training=FitOptions(steps=40))
