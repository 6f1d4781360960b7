"""Captions by infilling, by the command line."""

from pathlib import Path

import pytest

from pipelines.cli import run
from tests.end_to_end.conftest import RunJson, read_table

COLORS = {"red", "green", "blue", "black", "gray", "teal", "brown", "yellow"}


def test_a_caption_fills_in_the_mask(pictures: Path, tmp_path: Path, run_json: RunJson) -> None:
    prompt = ("--prompt", "a <mask> circle", "--limit", 5)
    run_json("caption", pictures, tmp_path / "out", *prompt)
    texts = [row["text"] for row in read_table(tmp_path / "out", "captions")]
    assert len(texts) == 5
    assert set(texts) <= COLORS


def test_two_masks_are_refused_before_anything_is_written(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = ["--prompt", "a <mask> <mask>"]
    assert run(["caption", str(pictures), str(tmp_path / "out"), *prompt]) == 2
    assert "once" in capsys.readouterr().err
