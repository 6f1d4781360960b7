"""Codes to pictures by the command line, against the checkpoint's own modules and scikit-image."""

import io
import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pipelines.cli import run
from schemas.arrow import arrow_schema
from schemas.image_tokens import ImageTokens
from storage.latest import latest_rows, read_manifests
from storage.store import open_store
from tests.end_to_end.conftest import RunJson, copy_pictures, read_table
from tests.servers.object_stores import at_server, moto_s3


def pixels_of(encoded: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(encoded)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def pictures_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}


@pytest.fixture(scope="module")
def tokens(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The codes of forty pictures, whole and as crops."""
    out = tmp_path_factory.mktemp("tokens") / "tokens"
    assert run(["tokenize", str(pictures), str(out), "--json"]) == 0
    crops = ("--framing", "crop", "--crops", "2", "--limit", "5", "--json")
    assert run(["tokenize", str(pictures), str(out), *crops]) == 0
    return out


def test_pictures_come_back_and_are_measured(
    tokens: Path, pictures: Path, tmp_path: Path, run_json: RunJson
) -> None:
    out = tmp_path / "out"
    found = run_json("reconstruct", tokens, out, "--images", tmp_path / "images")
    counts = found["counts"]
    assert (counts["rows_in"], counts["rows_out"], counts["failed"]) == (50, 50, 0)
    rows = read_table(out, "reconstructions")
    codes = {row["key"]: row for row in read_table(tokens, "tokens")}
    assert {row["tokens_key"] for row in rows} == set(codes)
    for row in rows:
        made_of = codes[row["tokens_key"]]
        with Image.open(pictures / row["asset_id"]) as image:
            whole = image.convert("RGB")
        if made_of["part"]:
            top, left, height, width = made_of["part"]
            box = (left, top, left + width, top + height)
            whole = whole.crop(box).resize((64, 64), Image.Resampling.LANCZOS)
        original, made = np.asarray(whole), pixels_of(row["image"])
        assert made.shape == (row["height"], row["width"], 3) == (64, 64, 3)
        signal = peak_signal_noise_ratio(original, made)
        similar = structural_similarity(
            original, made, channel_axis=2, gaussian_weights=True, use_sample_covariance=False
        )
        assert row["psnr"] == pytest.approx(signal, abs=1e-3)
        assert row["ssim"] == pytest.approx(similar, abs=1e-4)
        assert row["tokenizer_hash"] == made_of["tokenizer_hash"]
        assert row["sha256"] == made_of["sha256"]
    plain = [row for row in rows if row["framing"] == "checkpoint"]
    assert np.mean([row["psnr"] for row in plain]) >= 30.0
    means = {name: float(np.mean([row[name] for row in rows])) for name in ("psnr", "ssim")}
    assert found["quality"] == pytest.approx({"compared": 50, "equal": 0, **means})
    # A file a row, named by its asset.
    files = {unquote(path.stem): path.read_bytes() for path in (tmp_path / "images").glob("*.png")}
    assert files == {row["asset_id"]: row["image"] for row in plain}
    assert len(list((tmp_path / "images" / "crop").glob("*.png"))) == 10
    other = tmp_path / "other"
    assert run_json("reconstruct", tokens, out, "--images", other)["counts"]["skipped"] == 50
    assert pictures_below(other) == pictures_below(tmp_path / "images")
    # Crops, and pictures framed in two ways, are rows beside each other.
    assert len(latest_rows(str(out), "reconstructions")) == 50
    assert len(latest_rows(str(tokens), "tokens")) == 50


def test_the_summary_tells_the_means(
    tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["reconstruct", str(tokens), str(tmp_path / "out"), "--limit", "3"]) == 0
    told = capsys.readouterr().out
    assert "Mean over 3 source pictures at hand: " in told
    assert " dB PSNR, 0.9" in told


def test_without_the_sources_there_are_pictures_and_no_measures(
    tmp_path: Path, run_json: RunJson
) -> None:
    folder = copy_pictures(tmp_path / "pictures", 0, 3)
    run_json("tokenize", folder, tmp_path / "tokens")
    (folder / "0000.png").unlink()
    shutil.copy(folder / "0002.png", folder / "0001.png")
    found = run_json("reconstruct", tmp_path / "tokens", tmp_path / "out")
    measured = [row["psnr"] is not None for row in read_table(tmp_path / "out", "reconstructions")]
    # One is gone, and where another was lies a different file by now.
    assert measured == [False, False, True]
    assert found["quality"]["compared"] == 1


def test_of_several_rows_with_one_name_the_newest_is_the_file(
    tmp_path: Path, run_json: RunJson, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens, out, images = tmp_path / "tokens", tmp_path / "out", tmp_path / "images"
    folder = copy_pictures(tmp_path / "pictures", 0, 2)
    run_json("tokenize", folder, tokens)
    shutil.copy(folder / "0001.png", folder / "0000.png")
    run_json("tokenize", folder, tokens)
    # The disk refuses a file: the rows are there, and a rerun writes what is missing.
    (images / "0000.png.png").mkdir(parents=True)
    command = ("reconstruct", tokens, out, "--images", images)
    told = complaint(capsys, *command, code=1)
    assert f"cannot be written to {images}: Is a directory. Once that is mended" in told
    assert "Traceback" not in told
    assert len(read_table(out, "reconstructions")) == 3
    (images / "0000.png.png").rmdir()
    assert run_json(*command)["counts"]["skipped"] == 3
    found = pictures_below(images)
    assert found.keys() == {"0000.png.png", "0001.png.png"}
    assert found["0000.png.png"] == found["0001.png.png"]


def test_codes_in_a_store_bring_no_local_file_to_be_read(pictures: Path, run_json: RunJson) -> None:
    tokens, out, images = (f"s3://catalogs/{name}" for name in ("tokens", "out", "images"))
    with moto_s3("catalogs") as server, at_server(server):
        run_json("tokenize", pictures, tokens, "--limit", 3)
        run_json("reconstruct", tokens, out, "--images", images)
        store = open_store("s3://catalogs")
        (path,) = [entry.path for entry in store.entries("out/reconstructions")]
        rows = pq.ParquetFile(store.open(path)).read(columns=["psnr", "image"]).to_pylist()
        assert [row["psnr"] for row in rows] == [None] * 3
        files = [
            store.get(entry.path)
            for entry in store.entries("images")
            if not entry.path.startswith("images/_written/")
        ]
        assert sorted(files) == sorted(row["image"] for row in rows)


def altered(tokens: Path, target: Path, change: dict[int, dict[str, Any]]) -> Path:
    """A copy of an output of a tokenizing job, with values of some rows changed."""
    shutil.copytree(tokens, target)
    (manifest,) = [one for one in read_manifests(open_store(str(target))) if one.commit == 1]
    path = target / next(path for path in manifest.files if path.startswith("tokens/"))
    rows = pq.ParquetFile(path).read().to_pylist()
    for number, values in change.items():
        rows[number].update(values)
    pq.write_table(pa.Table.from_pylist(rows, arrow_schema(ImageTokens)), path)
    return target


def test_codes_that_cannot_be_decoded_fail_alone(
    tokens: Path, tmp_path: Path, run_json: RunJson
) -> None:
    own = read_table(tokens, "tokens")[0]
    changed = altered(
        tokens,
        tmp_path / "tokens",
        {
            0: {"codes": [100_000] * 64},
            1: {"codes": [-1] * 64},
            2: {"codes": [0] * 63},
            3: {"height": 9},
            4: {"tokenizer_hash": "sha256:0123456789abcdef", "model": "other"},
            5: {"codes": [0] * 1024, "height": 1024, "width": 1},
        },
    )
    run_json("reconstruct", changed, tmp_path / "out", "--max-failure-rate", 1)
    failures = read_table(tmp_path / "out", "failures")
    assert len(failures) == 6
    assert {row["kind"] for row in failures} == {"invalid_row"}
    messages = [row["message"] for row in failures]
    assert "The code 100000 is not in the codebook" in messages[0]
    assert "The code -1 is not in the codebook" in messages[1]
    assert "63 codes" in messages[2]
    assert "9 x 8" in messages[3]
    assert "sha256:0123456789abcdef" in messages[4]
    assert own["tokenizer_hash"] in messages[4]
    assert "1024 x 1 codes cannot be decoded" in messages[5]
    assert failures[4]["stage"] == "reconstruct"
    assert len(read_table(tmp_path / "out", "reconstructions")) == 44


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 2) -> str:
    capsys.readouterr()
    assert run(list(map(str, arguments))) == code
    return capsys.readouterr().err


def test_what_is_no_whole_output_of_codes_is_refused(
    tokens: Path, captions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert "holds no codes" in complaint(capsys, "reconstruct", captions, out)
    assert "holds no codes" in complaint(capsys, "reconstruct", tmp_path / "none", out)
    cut = tmp_path / "cut"
    shutil.copytree(tokens, cut)
    next((cut / "tokens").glob("*/*.parquet")).unlink()
    assert "is not whole: 1 files" in complaint(capsys, "reconstruct", cut, out)
    unfinished = tmp_path / "unfinished"
    shutil.copytree(tokens, unfinished)
    newest = max(
        (unfinished / "_runs").glob("*.json"),
        key=lambda path: json.loads(path.read_text())["commit"],
    )
    newest.unlink()
    assert "not all of its files are in place" in complaint(capsys, "reconstruct", unfinished, out)
    assert not (out / "_runs").exists()
    clip = ("--model", "calumma-clip")
    assert "chameleon, emu3" in complaint(capsys, "reconstruct", tokens, out, *clip, code=1)
    web = ("--images", "http://example.org/pictures")
    assert "Cannot write to http://" in complaint(capsys, "reconstruct", tokens, out, *web)


def test_a_truncated_file_is_a_failure(tokens: Path, tmp_path: Path, run_json: RunJson) -> None:
    cut = tmp_path / "cut"
    shutil.copytree(tokens, cut)
    path = max((cut / "tokens").glob("*/*.parquet"), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes()[:1000])
    run_json("reconstruct", cut, tmp_path / "out", "--max-failure-rate", 1)
    (failure,) = read_table(tmp_path / "out", "failures")
    assert "cannot be read as tokens" in failure["message"]
