"""Structure of pictures by the command line, against the library called directly."""

import io
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import color, feature, filters, segmentation

from pipelines.cli import run
from tests.end_to_end.conftest import RunJson, read_table


def directly(of: str, pixels: NDArray[np.uint8]) -> NDArray[Any]:
    grey = color.rgb2gray(pixels)
    if of == "edge":
        return np.where(feature.canny(grey, sigma=1.0), 255, 0)
    if of == "blurred-edge":
        steepness = filters.sobel(filters.gaussian(grey, sigma=2.0))
        return np.asarray(np.round(steepness / steepness.max() * 255))
    labels = segmentation.felzenszwalb(pixels, scale=100, sigma=0.8, min_size=50)
    means = np.zeros_like(pixels)
    for label in np.unique(labels):
        means[labels == label] = pixels[labels == label].mean(axis=0)
    return means


@pytest.mark.parametrize("of", ["edge", "blurred-edge", "segmentation"])
def test_pictures_are_those_of_the_library(
    of: str, pictures: Path, tmp_path: Path, run_json: RunJson
) -> None:
    out, images = tmp_path / "out", tmp_path / "images"
    arguments = ("structure", pictures, out, "--of", of, "--limit", 10, "--images", images)
    assert run_json(*arguments)["counts"]["rows_out"] == 10
    rows = read_table(out, "structures")
    assert len(rows) == 10
    for row in rows:
        with Image.open(pictures / row["asset_id"]) as image:
            expected = directly(of, np.asarray(image.convert("RGB")))
        with Image.open(io.BytesIO(row["image"])) as made:
            assert made.format == "PNG"
            assert np.array_equal(np.asarray(made), expected)
        assert (row["height"], row["width"]) == expected.shape[:2]
        settings = json.loads(row["settings"])
        assert settings["library"] == "scikit-image"
        assert settings["version"] == version("scikit-image")
        assert row["feature"] == of
        assert (images / of / f"{row['asset_id']}.png").read_bytes() == row["image"]
    # Files of rows that were there before are written to another folder, too.
    other = tmp_path / "other"
    assert run_json(*arguments[:-1], other)["counts"]["skipped"] == 10
    names = sorted(f"{row['asset_id']}.png" for row in rows)
    assert sorted(path.name for path in (other / of).iterdir()) == names


def test_features_are_rows_of_their_own_and_bad_pictures_fail_alone(
    tmp_path: Path, run_json: RunJson, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    gradient = np.linspace(0, 255, 200 * 100 * 3).reshape(100, 200, 3).astype(np.uint8)
    Image.fromarray(gradient).save(folder / "wide.png")
    (folder / "text.png").write_text("no picture")
    out = tmp_path / "out"
    for of in ("edge", "blurred-edge"):
        counts = run_json("structure", folder, out, "--of", of, "--resolution", 50)["counts"]
        assert (counts["rows_out"], counts["failed"]) == (1, 1)
    rows = read_table(out, "structures")
    assert {(row["feature"], row["height"], row["width"]) for row in rows} == {
        ("edge", 25, 50),
        ("blurred-edge", 25, 50),
    }
    assert {row["kind"] for row in read_table(out, "failures")} == {"not_an_image"}
    assert run(["structure", str(folder), str(out), "--of", "depth"]) == 2
    assert "--of" in capsys.readouterr().err
