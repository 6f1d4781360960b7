"""Pickle checkpoints as safetensors: what is kept, what is dropped, and that no code runs."""

import os
import pickle
import sys
import types
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.convert import convert_checkpoint
from schemas.errors import ModelError, UsageError

WEIGHTS = {
    "decoder.conv_in.weight": torch.randn(4, 3, 3, 3),
    "quantize.embedding.weight": torch.randn(8, 2).bfloat16(),
    "encoder.steps": torch.tensor(7),
}


def saved(content: Any, folder: Path, **options: Any) -> Path:
    path = folder / "last.ckpt"
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("archive", [True, False])
def test_weights_come_back_bit_by_bit(tmp_path: Path, archive: bool) -> None:
    source = saved(WEIGHTS, tmp_path, _use_new_zipfile_serialization=archive)
    converted = convert_checkpoint(source, tmp_path / "out.safetensors")
    kept = load_file(converted.path)
    assert kept.keys() == WEIGHTS.keys()
    for name, value in WEIGHTS.items():
        assert kept[name].dtype == value.dtype
        assert torch.equal(kept[name], value)
    assert (converted.count, converted.dropped) == (3, {})
    assert converted.size == converted.path.stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "out.safetensors"]


def test_what_training_left_is_dropped_and_told(tmp_path: Path) -> None:
    state: OrderedDict[str, Any] = OrderedDict(WEIGHTS)
    state["loss.discriminator.main.0.weight"] = torch.zeros(1)
    state["loss.perceptual_loss.lin0"] = torch.zeros(1)
    state["model_ema.decay"] = torch.tensor(0.99)
    state["note"] = "not a tensor"
    content = {
        "state_dict": state,
        "epoch": 3,
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
    }
    converted = convert_checkpoint(saved(content, tmp_path), tmp_path / "out.safetensors")
    assert load_file(converted.path).keys() == WEIGHTS.keys()
    assert converted.dropped == {
        "entry epoch": 1,
        "entry optimizer_states": 1,
        "weights of the training's loss": 2,
        "averaged copies of the weights": 1,
        "entry note": 1,
    }


def test_tied_sparse_and_turned_weights_are_written_whole(tmp_path: Path) -> None:
    table = torch.arange(12.0).reshape(3, 4)
    content = {
        "model": {
            "embed": table,
            "head": table,
            "part": table[1],
            "turned": table.T,
            "sparse": torch.eye(3).to_sparse(),
            "parameter": torch.nn.Parameter(torch.ones(2)),
        }
    }
    kept = load_file(
        convert_checkpoint(saved(content, tmp_path), tmp_path / "out.safetensors").path
    )
    assert torch.equal(kept["embed"], kept["head"])
    assert torch.equal(kept["part"], table[1])
    assert torch.equal(kept["turned"], table.T)
    assert torch.equal(kept["sparse"], torch.eye(3))
    assert torch.equal(kept["parameter"], torch.ones(2))


class Runs:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("archive", [True, False])
def test_code_is_refused_by_name_and_not_run(tmp_path: Path, archive: bool) -> None:
    trap = tmp_path / "trap"
    content = {"state_dict": WEIGHTS, "hook": Runs(trap)}
    source = saved(content, tmp_path, _use_new_zipfile_serialization=archive)
    with pytest.raises(ModelError, match=r"it asks for posix.mkdir, which would run code"):
        convert_checkpoint(source, tmp_path / "out.safetensors")
    assert not trap.exists()
    assert not (tmp_path / "out.safetensors").exists()
    # It is a trap: an ordinary reader falls into it.
    torch.load(source, weights_only=False)
    assert trap.exists()


def test_code_under_a_trainers_name_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning leaves objects of its own in its checkpoints; it need not be installed."""
    trap = tmp_path / "trap"
    module = types.ModuleType("pytorch_lightning.callbacks")

    def restore(path: str) -> None:
        Path(path).mkdir()

    class Callback:
        def __reduce__(self) -> Any:
            return restore, (str(trap),)

    restore.__module__, restore.__qualname__ = module.__name__, "restore"
    Callback.__module__, Callback.__qualname__ = module.__name__, "Callback"
    module.__dict__.update(restore=restore, Callback=Callback)
    monkeypatch.setitem(sys.modules, "pytorch_lightning", types.ModuleType("pytorch_lightning"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    content = {"callbacks": {Callback: {"best": 1}}, "hook": Callback(), "state_dict": WEIGHTS}
    source = saved(content, tmp_path)
    converted = convert_checkpoint(source, tmp_path / "out.safetensors")
    assert load_file(converted.path).keys() == WEIGHTS.keys()
    assert converted.dropped == {"entry callbacks": 1, "entry hook": 1}
    assert not trap.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([torch.zeros(1)], "holds no weights by name, but a list"),
        ({"epoch": 1, "notes": {}}, "neither tensors nor one of state_dict.*but epoch, notes"),
        ({"loss.a": torch.zeros(1)}, "holds no weights that a model needs"),
        ({}, "but nothing"),
    ],
)
def test_files_without_weights_are_refused(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        convert_checkpoint(saved(content, tmp_path), tmp_path / "out.safetensors")


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "pickle", "flipped"])
def test_files_of_another_kind_are_refused(tmp_path: Path, damage: str) -> None:
    source = saved(WEIGHTS, tmp_path)
    whole = source.read_bytes()
    source.write_bytes(
        {
            "empty": b"",
            "text": b"<html>404</html>",
            "cut": whole[: len(whole) // 2],
            "pickle": pickle.dumps([1, 2, 3]),
            "flipped": whole.replace(b"decoder.conv_in", b"decoder\x80conv_in"),
        }[damage]
    )
    with pytest.raises(
        ModelError, match=r"is not a checkpoint of torch.save, or is damaged|no weights"
    ):
        convert_checkpoint(source, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_file_names_that_do_not_serve_are_refused(tmp_path: Path) -> None:
    source = saved(WEIGHTS, tmp_path)
    with pytest.raises(UsageError, match=r"ends in \.safetensors"):
        convert_checkpoint(source, tmp_path / "out.pt")
    with pytest.raises(UsageError, match="There is no file"):
        convert_checkpoint(tmp_path / "none.ckpt", tmp_path / "out.safetensors")
    with pytest.raises(UsageError, match="There is no folder"):
        convert_checkpoint(source, tmp_path / "none" / "out.safetensors")
    (tmp_path / "out.safetensors").write_bytes(b"mine")
    with pytest.raises(UsageError, match="is there already"):
        convert_checkpoint(source, tmp_path / "out.safetensors")
    assert (tmp_path / "out.safetensors").read_bytes() == b"mine"
