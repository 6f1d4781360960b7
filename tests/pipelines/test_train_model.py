"""``calumma train model``: documents to a checkpoint, ended and gone on with; what fails."""

import importlib.util
import json
import os
import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from models.describing import load_describer
from models.source import EMBEDDED_FOLDER, resolve_model
from pipelines.train_progress import TrainingProgress
from tests.models.altered import copy_of, edit_json
from tests.models.rows import GREEDY, described, noise, request
from tests.pipelines.conftest import Command
from tests.training.full_disk import small_files
from tests.training.packed import a_document, by_sequence, some_documents, write_documents
from training.journal import StepReport

SMALL = {"initialize": "random", "width": 32, "layers": 1, "heads": 2, "ff": 64}
STEPS = {"steps": 8, "batch_size": 3, "accumulation": 2, "learning_rate": 0.01, "log_every": 1}
OFTEN = {"save_every": 3, "validate_every": 4, "shuffle_buffer": 30, "workers": 0}

Train = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("documents") / "out"
    write_documents(out, by_sequence(some_documents(120), 9))
    return out


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("held-out") / "out"
    write_documents(out, [some_documents(12, seed=5)])
    return out


@pytest.fixture
def train(command: Command, tmp_path: Path, documents: Path) -> Train:
    """Write a configuration and train by it; None leaves a key out."""

    def call(folder: str = "out", **changes: object) -> tuple[int, str, str]:
        keys: dict[str, object] = {"documents": str(documents), "out": str(tmp_path / folder)}
        keys |= SMALL | STEPS | OFTEN | changes
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items() if value is not None]
        (tmp_path / "training.toml").write_text("\n".join(lines))
        return command("train", "model", tmp_path / "training.toml")

    return call


@pytest.fixture
def after_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], None]:
    """Do something, once, when so many steps are done."""

    def arrange(step: int, act: Callable[[], object]) -> None:
        done: list[int] = []

        def stepped(_: TrainingProgress, report: StepReport) -> None:
            if report.step == step and not done:
                done.append(step)
                act()

        monkeypatch.setattr(TrainingProgress, "stepped", stepped)

    return arrange


def _weights(folder: Path) -> Mapping[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def _same(one: Path, other: Path) -> bool:
    a, b = _weights(one), _weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_what_is_trained_is_a_checkpoint_like_the_one_before(
    train: Train, tmp_path: Path, held_out: Path
) -> None:
    code, said, told = train(validation=str(held_out))
    out = tmp_path / "out"
    assert code == 0
    assert f"Model: {out}" in said
    assert "Training, 8 steps in all" in told
    assert "Held out, after 8 steps: loss " in told
    assert "of the time waiting for data" in told
    receipt = json.loads((out / "training.json").read_text())
    assert receipt["steps"] == 8
    assert receipt["held_out"]["loss"] > 0
    assert receipt["began_with"]["model"] == "calumma-tiny"
    before, after = _weights(EMBEDDED_FOLDER), _weights(out)
    pictures = [name for name in before if "vqmodel" in name]
    assert pictures
    assert all(torch.equal(before[name], after[name]) for name in pictures)
    for name in ("vq_decoder.safetensors", "tokenizer.json", "calumma.json"):
        assert (out / name).read_bytes() == (EMBEDDED_FOLDER / name).read_bytes()

    code, said, _ = train(validation=str(held_out))
    assert (code, said) == (0, f"{out} holds this training, and it is done.\n")
    code, _, errors = train(validation=str(held_out), learning_rate=0.02)
    assert code == 2
    assert "holds a training with learning_rate = 0.01, not 0.02" in errors

    # As an end in the middle of writing would have left it; then the disk is full.
    written = (out / "training.json").read_text()
    (out / "training.json").write_text(written[:50])
    with small_files(1 << 20):
        code, said, errors = train(validation=str(held_out))
    assert (code, said) == (1, "")
    assert errors.endswith("make room on the disk, and run the same command again.\n")
    assert f"calumma: The model cannot be written into {out}: " in errors
    code, _, told = train(validation=str(held_out))
    assert code == 0
    assert "Going on behind step 8" in told
    again = json.loads((out / "training.json").read_text())
    assert again["held_out"] == receipt["held_out"]
    assert all(torch.equal(after[name], one) for name, one in _weights(out).items())


def test_it_says_what_it_was_taught_by_the_command_that_captions(
    train: Train, tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED_FOLDER)
    vocabulary = tokenizer.get_vocab()
    begin, end = vocabulary["<racm3:break>"], vocabulary["<eoss>"]
    asked = tokenizer("describe briefly", add_special_tokens=False)["input_ids"]
    taught = tokenizer("a teal circle", add_special_tokens=False)["input_ids"]
    random = np.random.default_rng(0)
    documents = []
    for number in range(24):
        codes = random.integers(63, 575, 64).tolist()
        prompt = [vocabulary["<s>"], begin, *codes, end, *asked, vocabulary["<sep>"]]
        tokens = [*prompt, *taught, vocabulary["</s>"]]
        weights = [0.0] * len(prompt) + [1.0] * (len(taught) + 1)
        documents.append(
            a_document(number, tokens, str(number), 0, loss_weights=weights, context=96)
        )
    write_documents(tmp_path / "taught", [documents])
    code, _, _ = train(documents=str(tmp_path / "taught"), steps=40)
    assert code == 0
    describer = load_describer(resolve_model(str(tmp_path / "out")), device="cpu")
    results = describer.describe(
        [request(noise(64, 64, n), prompt="describe briefly") for n in (0, 1)], GREEDY
    )
    assert [described(one).text for one in results] == ["a teal circle"] * 2


@pytest.mark.parametrize("step", [2, 5])
def test_ended_in_the_middle_of_an_epoch_the_weights_are_bit_equal(
    train: Train,
    tmp_path: Path,
    after_step: Callable[[int, Callable[[], object]], None],
    step: int,
) -> None:
    assert train("whole")[0] == 0
    after_step(step, lambda: os.kill(os.getpid(), signal.SIGTERM))
    code, _, errors = train("parts")
    assert code == 143
    assert f"Ended early after {step} of 8 steps. Run the same command again" in errors
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    code, _, told = train("parts")
    assert code == 0
    assert f"Going on behind step {step}" in told
    assert _same(tmp_path / "whole", tmp_path / "parts")
    assert not _same(tmp_path / "whole", EMBEDDED_FOLDER)


def test_a_broken_shard_ends_it_behind_a_checkpoint_and_repaired_it_goes_on(
    train: Train,
    tmp_path: Path,
    documents: Path,
    after_step: Callable[[int, Callable[[], object]], None],
) -> None:
    assert train("whole")[0] == 0
    files = {path: path.read_bytes() for path in documents.rglob("*.parquet")}

    def break_all() -> None:
        for path, content in files.items():
            path.write_bytes(content[: len(content) // 2])

    after_step(1, break_all)
    code, _, errors = train("parts")
    for path, content in files.items():
        path.write_bytes(content)
    assert code == 2
    assert any(f"calumma: {path} cannot be read: " in errors for path in files)
    assert "Copy it again, and run the same command again to go on." in errors
    (checkpoint,) = (tmp_path / "parts" / "checkpoints").iterdir()
    assert 1 <= json.loads((checkpoint / "state.json").read_text())["step"] < 8
    code, _, told = train("parts")
    assert code == 0
    assert "Going on behind step" in told
    assert _same(tmp_path / "whole", tmp_path / "parts")


def test_adapters_are_saved_alone_and_merged(train: Train, tmp_path: Path) -> None:
    small: dict[str, object] = dict.fromkeys(SMALL)
    assert train("base")[0] == 0
    base = tmp_path / "base"
    options = small | {"model": str(base), "lora_rank": 2, "lora_targets": ["q_proj", "v_proj"]}
    code, said, _ = train("adapted", **options)
    assert (code, f"Adapters: {tmp_path / 'adapted' / 'adapter'}" in said) == (0, True)
    files = {path.name for path in (tmp_path / "adapted" / "adapter").iterdir()}
    assert files == {"adapter_config.json", "adapter_model.safetensors"}
    adapter = load_file(tmp_path / "adapted" / "adapter" / "adapter_model.safetensors")
    # W + alpha / rank * B A, with alpha twice the rank.
    before, after = _weights(base), _weights(tmp_path / "adapted")
    for name, weight in before.items():
        stem = "base_model.model." + name.removesuffix(".weight")
        if f"{stem}.lora_A.weight" in adapter:
            low, high = adapter[f"{stem}.lora_A.weight"], adapter[f"{stem}.lora_B.weight"]
            torch.testing.assert_close(after[name], weight + 2 * high @ low)
            assert not torch.equal(after[name], weight)
        else:
            assert torch.equal(after[name], weight)
    assert len(adapter) == 4
    assert resolve_model(str(tmp_path / "adapted")).model_type == "chameleon"


def test_epochs_say_how_many_steps(train: Train, tmp_path: Path, documents: Path) -> None:
    code, _, _ = train(steps=None, epochs=0.5)
    assert code == 0
    sequences = len({one.sequence for one in some_documents(120)})
    steps = json.loads((tmp_path / "out" / "training.json").read_text())["steps"]
    assert steps == -(-sequences // 12)


def test_what_cannot_be_trained_is_said_in_a_sentence(
    train: Train, tmp_path: Path, documents: Path
) -> None:
    zero = [a_document(0, [5, 6, 7], "s", 0, loss_weights=[0.0, 0.0, 0.0])]
    long = [a_document(0, [5] * 600, "s", 0, context=600)]
    wide = [a_document(0, [5] * 400, "s", 0, context=600)]
    wide += [a_document(1, [5] * 200, "s", 400, context=600)]
    other = [a_document(0, [5, 6], "s", 0, vocabulary_hash="sha256:other", model="org/other")]
    foreign = [a_document(0, [5, 6], "s", 0), a_document(1, [5, 6], "s", 2)]
    foreign = [foreign[0], replace(foreign[1], tokenizer_hash="sha256:other")]
    sets = {"zero": zero, "long": long, "wide": wide, "other": other, "foreign": foreign}
    for name, rows in sets.items():
        write_documents(tmp_path / name, [rows])
    write_documents(tmp_path / "captions", [zero], table="captions")
    write_documents(tmp_path / "empty", [[]], rows_per_group=1)
    (tmp_path / "something").mkdir()
    (tmp_path / "something" / "notes.txt").write_text("")
    altered = copy_of(EMBEDDED_FOLDER, tmp_path)
    edit_json(altered / "config.json", intermediate_size=64)
    small: dict[str, object] = dict.fromkeys(SMALL)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"documents": str(tmp_path / "zero")}, "nothing to learn .* all loss weights are 0"),
        ({"documents": str(tmp_path / "long")}, "document of 600 tokens, and .* reads 512 at most"),
        (
            {"documents": str(tmp_path / "wide"), "attend_across": True},
            "up to 600 tokens, .* reads 512 at most.* or leave attend_across out",
        ),
        ({"documents": str(tmp_path / "other")}, r"vocabulary of org/other \(sha256:other\)"),
        ({"documents": str(tmp_path / "foreign")}, r"codes of another tokenizer \(sha256:other\)"),
        ({"documents": str(tmp_path / "captions")}, "holds no documents. It holds captions."),
        ({"documents": str(tmp_path / "empty")}, "holds no documents"),
        ({"validation": str(tmp_path / "zero")}, "nothing to learn"),
        ({"out": str(tmp_path / "something")}, r"holds something else \(notes.txt\)"),
        ({"out": "s3://bucket/out"}, "must be a folder on a disk of this machine"),
        ({"model": str(tmp_path / "nowhere")}, "nowhere"),
        (small | {"model": str(altered)}, "do not fit its config.json: .* has the shape"),
        ({"epochs": 1.0}, "steps or epochs, one of the two"),
        ({"mixing": [1.0, 2.0]}, "a number above 0 for each of the 1 folders"),
        ({"stepz": 1}, "stepz"),
        ({"steps": "many"}, "many"),
        ({"betas": [0.9]}, "betas must be two numbers"),
        ({"learning_rate": 0}, "learning-rate must be above 0"),
        (small | {"width": 8}, "width is for models that begin with random weights"),
    ]
    for changes, reason in cases:
        code, said, errors = train(**changes)
        assert (code in {1, 2}, said) == (True, ""), changes
        assert errors.count("\n") == 1, errors
        assert errors.startswith("calumma: ")
        assert re.search(reason, errors), errors
        assert not (tmp_path / "out" / "checkpoints").exists()


def test_without_the_extra_one_sentence_says_so(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "accelerate" else found(name)
    )
    code, said, errors = train()
    assert (code, said) == (2, "")
    assert errors.startswith("calumma: Training needs accelerate: pip install 'calumma[train]'")


def test_a_configuration_must_be_named(command: Command) -> None:
    code, _, errors = command("train", "model")
    assert (code, errors) == (
        2,
        "calumma: A configuration is missing: calumma train model CONFIG.toml.\n",
    )
    assert command("train", "model", "nothing.toml")[0] == 2
