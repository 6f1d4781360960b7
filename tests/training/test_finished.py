"""The folder of a finished training appears whole, or says why it does not."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from schemas.errors import RunError
from tests.training.full_disk import small_files
from training.finished import write_finished


def test_files_appear_together_and_the_receipt_last(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        assert folder.parent == tmp_path
        assert not list(folder.iterdir())
        (folder / "weights").write_text("new")
        (folder / "adapter").mkdir()
        (folder / "adapter" / "new").touch()

    (tmp_path / "weights").write_text("old")
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "old").touch()
    (tmp_path / ".export.partial").mkdir()
    (tmp_path / ".export.partial" / "left").touch()
    write_finished(tmp_path, write, {"steps": 3})
    assert {path.name for path in tmp_path.iterdir()} == {"weights", "adapter", "training.json"}
    assert (tmp_path / "weights").read_text() == "new"
    assert [path.name for path in (tmp_path / "adapter").iterdir()] == ["new"]
    assert json.loads((tmp_path / "training.json").read_text()) == {"steps": 3}


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        save_file({"weight": torch.zeros(1000)}, folder / "weights")

    (tmp_path / "weights").write_text("old")
    with (
        pytest.raises(RunError, match=r"too large.* The last checkpoint is whole"),
        small_files(99),
    ):
        write_finished(tmp_path, write, {})
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]
    assert (tmp_path / "weights").read_text() == "old"
