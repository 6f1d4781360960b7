"""A dual encoder from pictures with texts to a folder that jobs load, by the command line."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import load_file
from transformers import CLIPModel

from pipelines import train_pictures
from pipelines.cli import run
from schemas.errors import UsageError
from tests.end_to_end.conftest import RunJson, read_table
from tests.training.lines import Silent
from training.clip_config import ClipConfig, ClipFitOptions, TextOptions, VisionOptions
from training.clip_objective import ClipObjective
from training.clip_parts import (
    ClipSizes,
    build_model,
    build_processor,
    build_tokenizer,
    train_pieces,
)
from training.options import PictureOptions

pytestmark = pytest.mark.usefixtures("one_thread")
COLORS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200), "grey": (99, 99, 99)}
OPTIONS = """
projection = 16
pictures = { resolution = 16, held_out = 8, framing = "squeeze" }
vision = { width = 32, layers = 1, heads = 2, intermediate_size = 32 }
[text]
width = 32
layers = 1
heads = 2
intermediate_size = 32
positions = 12
vocabulary = 300
[training]
steps = 40
batch_size = 8
warmup_steps = 4
learning_rate = 3e-3
save_every = 10
"""


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures of one colour each, and their captions."""
    folder = tmp_path_factory.mktemp("captioned")
    generator = np.random.default_rng(0)
    with (folder / "catalog.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "uri", "caption"])
        for number in range(40):
            name = list(COLORS)[number % 4]
            noise = generator.integers(-15, 16, (16, 20, 3))
            pixels = np.clip(np.array(COLORS[name]) + noise, 0, 255).astype(np.uint8)
            Pillow.fromarray(pixels).save(folder / f"{number}.png")
            writer.writerow([f"p{number}", folder / f"{number}.png", f"A {name} picture."])
    return folder / "catalog.csv"


def write_config(folder: Path, catalog: Path, options: str = OPTIONS) -> tuple[Path, Path]:
    out = folder / "out"
    config = folder / "clip.toml"
    config.write_text(f'catalog = "{catalog}"\nout = "{out}"\n{options}')
    return config, out


@pytest.fixture(scope="module")
def trained(captioned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained dual encoder."""
    config, out = write_config(tmp_path_factory.mktemp("clip"), captioned)
    assert run(["train", "clip", str(config)]) == 0
    return out


def test_jobs_embed_with_what_was_trained(
    trained: Path, captioned: Path, tmp_path: Path, run_json: RunJson
) -> None:
    for of in ("image", "text"):
        options = ("--model", trained, "--of", of)
        assert run_json("embed", captioned, tmp_path / of, *options)["counts"]["rows_out"] == 40
    images, texts = (
        np.array([row["vector"] for row in read_table(tmp_path / of, "embeddings")])
        for of in ("image", "text")
    )
    assert images.shape == texts.shape == (40, 16)
    # The ids, sorted as texts, in both: a picture's likest text is of its colour.
    found = (images @ texts.T).argmax(1)
    names = [int(row["asset_id"][1:]) % 4 for row in read_table(tmp_path / "image", "embeddings")]
    right = np.mean([names[one] == name for one, name in zip(found, names, strict=True)])
    assert right >= 0.95


def test_going_on_gives_the_same_bits(
    trained: Path, captioned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, out = write_config(tmp_path, captioned)

    class Stopping(Silent):
        def saved(self, step: int, folder: Path) -> None:
            if step == 20:
                raise KeyboardInterrupt

        def end(self) -> None:
            pass

    monkeypatch.setattr(train_pictures, "TrainingProgress", Stopping)
    with pytest.raises(SystemExit):
        run(["train", "clip", str(config)])
    monkeypatch.undo()
    assert not (out / "model.safetensors").exists()
    assert run(["train", "clip", str(config)]) == 0
    expected, found = (load_file(folder / "model.safetensors") for folder in (trained, out))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name


def test_without_equal_texts_the_loss_is_that_of_the_library() -> None:
    texts = ["a red circle", "a blue circle", "a small red circle at the center", "red triangle"]
    sizes = ClipSizes()
    tokenizer = build_tokenizer(train_pieces(texts, 300), sizes.positions)
    processor = build_processor(sizes, tokenizer, squeezed=True)
    model: Any = build_model(processor, 0, sizes)
    assert isinstance(model, CLIPModel)
    generator = np.random.default_rng(0)
    pixels = torch.from_numpy(generator.integers(0, 256, (4, 3, 64, 64), dtype=np.uint8))
    with torch.no_grad():
        measures = ClipObjective(model, processor).eval()({"pixels": pixels, "texts": texts})
    pictures = [Pillow.fromarray(one) for one in pixels.permute(0, 2, 3, 1).numpy()]
    inputs = processor(images=pictures, text=texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = model(**inputs, return_loss=True)
    loss = float(measures["loss"][0] / measures["loss"][1])
    assert loss == pytest.approx(float(expected.loss), rel=1e-4)
    own = expected.logits_per_image.argmax(1) == torch.arange(4)
    assert measures["accuracy"].tolist() == [float(own.sum()), 4.0]


def test_what_a_configuration_cannot_say(
    captioned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = {
        "trainng = {}": "Did you mean --training?",
        'training = { steps = "many" }': 'unable to convert "many" into int',
        "pictures = 3": "pictures",
        'pictures = { framing = "cut" }': "[pictures][framing]",
        'pictures = { framing = "crop" }': "pictures.framing must be checkpoint or squeeze",
        "vision = { patch = 7 }": "must be a multiple of vision.patch (7), not 64",
        "text = { width = 30 }": "text.width must be a multiple of 4 and of text.heads (4)",
        "= 3": "cannot be read as TOML",
    }
    for options, message in cases.items():
        config, _ = write_config(tmp_path, captioned, options)
        assert run(["train", "clip", str(config)]) == 2
        assert message in capsys.readouterr().err
    assert run(["train", "clip", str(tmp_path / "none.toml")]) == 2
    assert "There is no configuration file" in capsys.readouterr().err
    config.write_text('out = "x"')
    assert run(["train", "clip", str(config)]) == 2
    assert "catalog is missing: write it into the file" in capsys.readouterr().err


def test_a_catalog_without_texts_is_said_to_have_none(pictures: Path, tmp_path: Path) -> None:
    config = ClipConfig(
        catalog=str(pictures),
        out=str(tmp_path),
        pictures=PictureOptions(held_out=4),
        vision=VisionOptions(),
        text=TextOptions(),
        training=ClipFitOptions(batch_size=8),
    )
    with pytest.raises(UsageError, match="has no texts in its first 100,000 rows"):
        train_pictures.train_pictures(config, Silent())
