"""``calumma convert``: what it says, and its exit codes."""

from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file

from tests.pipelines.conftest import Command


def test_what_was_written_and_dropped_is_said(command: Command, tmp_path: Path) -> None:
    state = OrderedDict({"decoder.conv_in.weight": torch.ones(250_000)})
    state["loss.logvar"] = state["loss.disc"] = torch.zeros(1)
    torch.save({"state_dict": state, "epoch": 1}, tmp_path / "vqgan.ckpt")
    out = tmp_path / "vq_decoder.safetensors"
    code, said, errors = command("convert", str(tmp_path / "vqgan.ckpt"), str(out))
    assert (code, errors) == (0, "")
    assert said.splitlines() == [
        f"Wrote {out}: 1 tensors, 1.0 MB.",
        "Dropped: entry epoch.",
        "Dropped: weights of the training's loss (2).",
    ]
    assert load_file(out).keys() == {"decoder.conv_in.weight"}


def test_what_cannot_be_converted_is_said_in_a_sentence(command: Command, tmp_path: Path) -> None:
    source = tmp_path / "model.pt"
    source.write_bytes(b"no checkpoint")
    code, said, errors = command("convert", str(source), str(tmp_path / "out.safetensors"))
    assert (code, said) == (1, "")
    assert errors.startswith(f"calumma: {source} is not a checkpoint of torch.save")
    code, _, errors = command("convert", str(source), str(tmp_path / "out.pt"))
    assert code == 2
    assert errors.count("\n") == 1
