"""Pictures to codes, back, and drawn, by checkpoints that are not the embedded one."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from models.generating import ImageRequest, ImageSettings, load_image_generator
from models.image_tokens import ImageCodes, load_image_tokenizer
from models.source import resolve_image_tokenizer, resolve_model
from tests.end_to_end.conftest import RunJson, read_table
from tests.end_to_end.test_reconstruct import pixels_of
from tests.models.checkpoints.token_models import build_chameleon, build_emu3, build_janus
from tests.models.test_image_tokens import Library, a_picture
from tests.models.test_vq_decoder import write_decoder

_FAMILIES = {"chameleon": build_chameleon, "emu3": build_emu3, "janus": build_janus}
# No side is twice what Janus reads: a picture is made smaller as it is decoded where all are.
_SIZES = [(40, 56), (60, 60), (24, 72), (56, 40), (30, 33), (60, 60)]


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder of a family's tiny random checkpoint, which can make pictures."""

    @cache
    def build(family: str) -> Path:
        folder = tmp_path_factory.mktemp("checkpoint") / family
        torch.manual_seed(1)
        _FAMILIES[family](str(folder))
        if family == "chameleon":
            write_decoder(folder)
        return folder

    return build


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of several sizes, two of them alike."""
    folder = tmp_path_factory.mktemp("sources")
    for number, size in enumerate(_SIZES):
        Image.fromarray(a_picture(number, *size)).save(folder / f"{number}.png")
    return folder


def decoded(folder: Path, rows: list[dict[str, Any]]) -> list[NDArray[np.uint8]]:
    """What the checkpoint's tokenizer makes of each row's codes by themselves."""
    tokenizer = load_image_tokenizer(resolve_image_tokenizer(str(folder)), device="cpu")
    made = []
    for row in rows:
        height = row.get("codes_height", row["height"])
        codes = np.array(row["codes"], np.int32).reshape(height, -1)
        digest = row["tokenizer_hash"]
        (pixels,) = tokenizer.decode([ImageCodes(codes=codes, tokenizer="", tokenizer_hash=digest)])
        assert isinstance(pixels, np.ndarray)
        made.append(pixels)
    return made


def check_like(made: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    """Made beside others, a value may be rounded the other way."""
    assert made.shape == expected.shape
    assert np.abs(made.astype(int) - expected).max() <= 1
    assert made.std() > 0


@pytest.mark.parametrize("family", _FAMILIES)
def test_pictures_become_codes_in_a_table_and_come_back(
    family: str, folder_of: Callable[[str], Path], sources: Path, tmp_path: Path, run_json: RunJson
) -> None:
    folder = folder_of(family)
    tokens, out = tmp_path / "tokens", tmp_path / "out"
    options = ("--model", folder, "--batch-size", 4)
    counts = run_json("tokenize", sources, tokens, *options)["counts"]
    assert (counts["rows_out"], counts["failed"]) == (len(_SIZES), 0)
    rows = read_table(tokens, "tokens")
    library = Library(folder)
    ids = load_image_tokenizer(
        resolve_image_tokenizer(str(folder)), device="cpu", decoder=False
    ).vocabulary_ids
    for row in rows:
        codes = np.reshape(row["codes"], (row["height"], row["width"]))
        expected = ids[codes]
        if family == "emu3":
            end = library.model.model.vocabulary_mapping.eol_token_id
            expected = np.pad(expected, ((0, 0), (0, 1)), constant_values=end)
        with Image.open(sources / row["asset_id"]) as image:
            own = library.token_ids(np.asarray(image))
        np.testing.assert_array_equal(expected.flatten(), own)
        assert (row["frame_height"], row["frame_width"]) == tuple(8 * side for side in codes.shape)
    # Emu3 keeps proportions, and the others make squares.
    grids = {(row["height"], row["width"]) for row in rows}
    assert len(grids) >= 4 if family == "emu3" else len(grids) == 1
    # The decoder is found by what the codes' rows name.
    found = run_json("reconstruct", tokens, out, "--batch-size", 4)
    assert found["counts"]["rows_out"] == len(_SIZES)
    assert found["quality"]["compared"] == len(_SIZES)
    back = {row["tokens_key"]: row for row in read_table(out, "reconstructions")}
    for row, pixels in zip(rows, decoded(folder, rows), strict=True):
        made = back[row["key"]]
        check_like(pixels_of(made["image"]), pixels)
        assert (made["height"], made["width"]) == (row["frame_height"], row["frame_width"])
        assert made["tokenizer_hash"] == row["tokenizer_hash"]


@pytest.mark.parametrize("family", _FAMILIES)
def test_pictures_are_drawn(
    family: str, folder_of: Callable[[str], Path], tmp_path: Path, run_json: RunJson
) -> None:
    folder, prompts = folder_of(family), ("describe", "what colour is it")
    # Emu3 draws in any size, and two of them here.
    sizes = [(40, 40), (24, 48)] if family == "emu3" else [None, None]
    requests = tmp_path / "requests.jsonl"
    with requests.open("w") as file:
        for prompt, size in zip(prompts, sizes, strict=True):
            row: dict[str, Any] = {"id": prompt, "prompt": prompt, "seed": 5}
            row |= {"size": f"{size[1]}x{size[0]}"} if size else {}
            file.write(f"{json.dumps(row)}\n")
    options = ("--model", folder, "--template", "{prompt}", "--guidance", 2, "--samples", 2)
    counts = run_json("generate", requests, tmp_path / "out", *options)["counts"]
    assert (counts["rows_out"], counts["failed"]) == (4, 0)
    rows = read_table(tmp_path / "out", "generations")
    generator = load_image_generator(resolve_model(str(folder)), device="cpu")
    for prompt, size in zip(prompts, sizes, strict=True):
        asked = ImageRequest(prompt=prompt, seed=5, samples=2, size=size)
        (samples,) = generator.generate(generator.encode([asked], ImageSettings(guidance=2)))
        assert isinstance(samples, tuple)
        of_prompt = [row for row in rows if row["asset_id"] == prompt]
        drawn = {row["sample_number"]: row["codes"] for row in of_prompt}
        assert drawn == {place: one.codes.flatten().tolist() for place, one in enumerate(samples)}
        assert drawn[0] != drawn[1]
        if size:
            assert {(row["height"], row["width"]) for row in of_prompt} == {size}
    for row, pixels in zip(rows, decoded(folder, rows), strict=True):
        check_like(pixels_of(row["image"]), pixels)
