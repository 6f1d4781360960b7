"""Pictures to codes by the command line, against the checkpoint's own encoder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from models.source import EMBEDDED_FOLDER
from pipelines.cli import run
from tests.end_to_end.conftest import RunJson, read_table


def test_codes_are_those_of_the_checkpoints_own_encoder(
    pictures: Path, tmp_path: Path, run_json: RunJson
) -> None:
    counts = run_json("tokenize", pictures, tmp_path / "out")["counts"]
    assert (counts["rows_in"], counts["rows_out"]) == (40, 40)
    rows = read_table(tmp_path / "out", "tokens")
    processor = AutoProcessor.from_pretrained(EMBEDDED_FOLDER)  # type: ignore[no-untyped-call]
    loaded: Any = AutoModelForImageTextToText.from_pretrained(EMBEDDED_FOLDER, dtype=torch.float32)
    model = loaded.eval()
    for row in rows:
        with Image.open(pictures / row["asset_id"]) as image:
            values = processor.image_processor(images=image.convert("RGB"), return_tensors="pt")
        with torch.no_grad():
            ids = model.model.get_image_tokens(values["pixel_values"]).reshape(-1)
        first = model.config.vocabulary_map["IMGIMGAZ"]
        assert row["codes"] == (ids - first).tolist()
        assert (row["height"], row["width"], row["framing"]) == (8, 8, "checkpoint")
        assert (row["frame_height"], row["frame_width"], row["part"]) == (64, 64, [])
    # Nothing is done twice, and another framing is another row of the same table.
    assert run_json("tokenize", pictures, tmp_path / "out")["counts"]["skipped"] == 40


def test_crops_are_rows_of_their_own_and_drawn_alike_each_time(
    pictures: Path, tmp_path: Path, run_json: RunJson
) -> None:
    options = ("--framing", "crop", "--crops", 3, "--limit", 10)
    counts = run_json("tokenize", pictures, tmp_path / "one", *options)["counts"]
    assert (counts["rows_in"], counts["rows_out"]) == (30, 30)
    run_json("tokenize", pictures, tmp_path / "two", *options, "--batch-size", 4)
    first, second = (
        sorted(
            (row["asset_id"], row["crop_number"], row["part"], row["codes"])
            for row in read_table(tmp_path / name, "tokens")
        )
        for name in ("one", "two")
    )
    assert first == second
    assert [number for _, number, _, _ in first[:3]] == [0, 1, 2]
    sides = [(part[2], part[3]) for _, _, part, _ in first]
    assert all(height == width and 32 <= height <= 64 for height, width in sides)
    assert len({tuple(part) for _, _, part, _ in first}) > 20


def test_a_letterboxed_picture_says_where_it_lies(tmp_path: Path, run_json: RunJson) -> None:
    (tmp_path / "pictures").mkdir()
    wide = np.full((32, 128, 3), 200, np.uint8)
    Image.fromarray(wide).save(tmp_path / "pictures" / "wide.png")
    run_json("tokenize", tmp_path / "pictures", tmp_path / "out", "--framing", "letterbox")
    (row,) = read_table(tmp_path / "out", "tokens")
    assert row["part"] == [24, 0, 16, 64]
    assert len(row["codes"]) == 64


def test_what_cannot_be_tokenized(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert run(["tokenize", str(pictures), out, "--crops", "2"]) == 2
    assert "--crops needs --framing crop" in capsys.readouterr().err
    assert run(["tokenize", str(pictures), out, "--model", "calumma-clip"]) == 1
    assert "chameleon, emu3" in capsys.readouterr().err
