"""What becomes of drawn pictures by the command line: scores, policy, provenance, files, a page."""

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.cli import run
from tests.end_to_end.conftest import RunJson, read_table
from tests.models.test_ranking import library_cosines

REQUESTS = """id,prompt,samples
shapes/red,a red circle,3
blue,a blue triangle,2
gun,a green gun,1
"""
POLICY = """
import numpy as np

class Judge:
    version = "{version}"

    def judge_prompt(self, prompt):
        if "gun" in prompt:
            raise ValueError("the classifier is away")
        return None

    def judge_picture(self, pixels):
        assert pixels.dtype == np.uint8 and pixels.shape == (64, 64, 3)
        return {verdict}
"""


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path = tmp_path / "requests.csv"
    path.write_text(REQUESTS)
    return path


def rows_of(out: Path) -> dict[tuple[str, int], dict[str, Any]]:
    rows = read_table(out, "generations")
    return {(row["asset_id"], row["sample_number"]): row for row in rows}


def told(out: Path) -> list[tuple[str, str, str, str]]:
    rows = read_table(out, "failures")
    return [(row["asset_id"], row["stage"], row["kind"], row["message"]) for row in rows]


def test_samples_are_ranked_by_the_cosine_of_picture_and_text(
    requests: Path, tmp_path: Path, run_json: RunJson
) -> None:
    run_json("generate", requests, tmp_path / "plain")
    options = ("--rank-with", "calumma-clip", "--format", "webp", "--batch-size", 2)
    run_json("generate", requests, tmp_path / "ranked", *options)
    plain, ranked = rows_of(tmp_path / "plain"), rows_of(tmp_path / "ranked")
    assert plain.keys() == ranked.keys()
    for place, row in ranked.items():
        # What becomes of a picture does not change which one it is.
        assert (row["codes"], row["seed"]) == (plain[place]["codes"], plain[place]["seed"])
        assert plain[place]["score"] is None
        with Image.open(io.BytesIO(row["image"])) as image:
            pixels = np.asarray(image)
        (cosine,) = library_cosines(row["text"], pixels[None])
        assert row["score"] == pytest.approx(cosine, abs=1e-4)
    for name, count in (("shapes/red", 3), ("blue", 2)):
        scores = [ranked[name, number]["score"] for number in range(count)]
        order = sorted(range(count), key=lambda number: -scores[number])
        ranks = [ranked[name, number]["rank"] for number in range(count)]
        assert [order[rank - 1] for rank in ranks] == list(range(count))
    # Scored by another model or by none is another row; the same again is none.
    assert run_json("generate", requests, tmp_path / "ranked", *options)["counts"]["skipped"] == 6


def test_blocked_words_refuse_prompts_until_the_list_changes(
    requests: Path, tmp_path: Path, run_json: RunJson
) -> None:
    words, out = tmp_path / "words.txt", tmp_path / "out"
    words.write_text("# not to be drawn\nGUN\n")
    options = ("generate", requests, out, "--blocked-words", words)
    counts = run_json(*options)["counts"]
    assert (counts["rows_out"], counts["failed"]) == (5, 1)
    reason = "The policy refused the prompt: it holds 'gun', which is among the blocked words."
    assert told(out) == [("gun", "generate", "policy", reason)]
    assert run_json(*options)["counts"]["skipped"] == 6
    words.write_text("gun\n# in another order, with another comment\n")
    assert run_json(*options)["counts"]["skipped"] == 6
    words.write_text("gun\ntriangle\n")
    counts = run_json(*options)["counts"]
    assert (counts["rows_out"], counts["failed"], counts["skipped"]) == (3, 3, 0)
    words.write_text("a\n")
    assert run_json(*options)["counts"]["failed"] == 6


def test_all_words_that_the_model_is_given_are_judged_and_told(
    pictures: Path, tmp_path: Path, run_json: RunJson
) -> None:
    picture = str(pictures / "0001.png")
    documents = [{"uri": picture, "text": "a red circle"}, {"text": "a green gun"}]
    boxes = [{"label": "gun", "box": [0, 0, 8, 8]}]
    asked: dict[str, dict[str, Any]] = {
        "good": {"structure": picture, "feature": "edge"},
        "feature": {"structure": picture, "feature": "gun"},
        "document": {"documents": documents, "samples": 2},
        "box": {"boxes": boxes},
    }
    rows = [{"id": name, "prompt": "a circle", **row} for name, row in asked.items()]
    requests, out, words = (tmp_path / name for name in ("r.jsonl", "out", "words.txt"))
    requests.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    words.write_text("gun\n")
    run_json("generate", requests, out, "--blocked-words", words, "--max-failure-rate", 1)
    ((name, _),) = rows_of(out)
    assert name == "good"
    reason = "it holds 'gun', which is among the blocked words."
    assert told(out) == [
        ("box", "generate", "policy", f"The policy refused the prompt: {reason}"),
        *[("document", "generate", "policy", f"The policy refused the document 2: {reason}")] * 2,
        ("feature", "generate", "policy", f"The policy refused the prompt: {reason}"),
    ]
    (row,) = rows_of(out).values()
    assert row["prompt"] == "Make high quality image from edge features <break> a circle"
    with Image.open(io.BytesIO(row["image"])) as image:
        assert image.text["Prompt"] == row["prompt"]  # type: ignore[attr-defined]


def test_a_policy_of_ones_own_judges_and_may_break(
    requests: Path, tmp_path: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "out"
    options = ("generate", requests, out, "--policy", "policy_of_this_test:Judge")

    def load(version: str, verdict: str) -> None:
        (tmp_path / "policy_of_this_test.py").write_text(
            POLICY.format(version=version, verdict=verdict)
        )
        monkeypatch.delitem(sys.modules, "policy_of_this_test", raising=False)
        # Both are written within the second that compiled files are told apart by.
        monkeypatch.setattr(sys, "dont_write_bytecode", True)

    load("1", "None")
    counts = run_json(*options)["counts"]
    assert (counts["rows_out"], counts["failed"]) == (5, 1)
    (failure,) = told(out)
    assert failure[:3] == ("gun", "generate", "policy")
    assert "could not judge the prompt: ValueError: the classifier is away" in failure[3]
    load("1", "'too dark.'")
    assert run_json(*options)["counts"]["skipped"] == 6
    load("2", "'too dark.' if pixels[..., 0].mean() < pixels[..., 2].mean() else None")
    counts = run_json(*options)["counts"]
    assert counts["skipped"] == 0
    refused = [failure for failure in told(out) if "too dark" in failure[3]]
    assert len(refused) == counts["failed"] - 1 > 0
    assert {failure[3] for failure in refused} == {"The policy refused the picture: too dark."}
    assert counts["rows_out"] > 0


def test_files_name_their_sources(pictures: Path, tmp_path: Path, run_json: RunJson) -> None:
    out = tmp_path / "out"
    edit = ("edit", pictures, out, "--instruction", "make it blue", "--limit", 3)
    run_json(*edit)
    for row in read_table(out, "generations"):
        digest = hashlib.sha256((pictures / row["asset_id"]).read_bytes()).hexdigest()
        with Image.open(io.BytesIO(row["image"])) as image:
            texts = image.text  # type: ignore[attr-defined]
        assert texts["Ingredients"] == f"sha256:{digest}"
        assert texts["DigitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
        assert texts["Prompt"] == row["prompt"]
        assert (texts["Model"], texts["Revision"]) == (row["model"], row["revision"])


def test_pictures_are_written_beside_the_table_and_gone_on_with(
    requests: Path,
    tmp_path: Path,
    run_json: RunJson,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, images, shards = tmp_path / "out", tmp_path / "images", tmp_path / "shards"
    options = ["generate", str(requests), str(out)]
    folders = ["--images", str(images), "--webdataset", str(shards)]
    with monkeypatch.context() as patch:
        patch.setattr("transforms.export.export_part", lambda *_: None)
        assert run([*options, *folders]) == 1
        said = capsys.readouterr().err
        assert f"not all of them are written to {images} and {shards}. Run the same" in said
    assert not images.exists()
    assert run_json(*options, *folders)["counts"]["skipped"] == 6
    files = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.*")}
    assert run_json(*options, *folders)["counts"]["skipped"] == 6
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.*")} == files
    rows = rows_of(out)
    names = {place: f"{place[0].replace('/', '%2F')}-{place[1]}" for place in rows}
    for place, name in names.items():
        assert (images / f"{name}.png").read_bytes() == rows[place]["image"]
    assert len(list(images.glob("*.png"))) == 6
    members = []
    for shard in shards.glob("*.tar"):
        with tarfile.open(shard) as archive:
            members += archive.getnames()
    assert sorted(members) == sorted(
        f"{name}.{extension}" for name in names.values() for extension in ("png", "txt", "json")
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--blocked-words", "/no/such/file"], "no file of blocked words /no/such/file"),
        (["--policy", "json:dumps"], "The policy json:dumps cannot be had"),
        (["--policy", "nothing"], "is named module:name"),
        (["--rank-with", "calumma-tiny"], "does not embed pictures and texts"),
        (["--images", "ftp://host/folder"], "Cannot write to ftp://"),
        (["--webdataset", "/dev/null/shards"], "/dev/null/shards is a file, or lies below one"),
        (["--images", "x/y", "--webdataset", "x"], "is the folder of --webdataset, or lies in it"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(
    requests: Path,
    tmp_path: Path,
    options: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["generate", str(requests), str(tmp_path / "out"), *options]) in {1, 2}
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out" / "_runs").exists()
