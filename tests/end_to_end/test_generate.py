"""Pictures drawn by the command line, against the sampler called directly."""

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.generating import (
    ContrastSettings,
    ImageRequest,
    ImageSettings,
    load_image_generator,
)
from models.image_tokens import ImageCodes, load_image_tokenizer
from models.source import DEFAULT_MODEL, resolve_model
from pipelines.cli import run
from tests.end_to_end.conftest import RunJson, read_table
from transforms.generate import GeneratingHandler
from transforms.items import Task
from transforms.material import Asked

Pixels = NDArray[np.uint8]
Draw = Callable[[ImageRequest, ImageSettings], list[tuple[list[int], float, bool]]]

_PROMPTS = [
    "a red circle",
    "a large blue triangle in the center of the image .",
    "a green rectangle",
    "a small yellow circle in the top left of the image , drawn on a light background .",
    "a teal triangle",
]

_STAGED = "_staging/*/splits/*/*.json"
# The command, with each window a part, as slow models have it.
_SMALL_PARTS = (
    "import storage.part_writer as writing; writing.SECONDS_PER_PART = 0; "
    "from pipelines.main import main; main()"
)


def write_requests(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def samples_of(out: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """The rows of the table by request and sample; each is there once."""
    rows = read_table(out, "generations")
    found = {(row["asset_id"], row["sample_number"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def pixels_of(row: dict[str, Any]) -> Pixels:
    with Image.open(io.BytesIO(row["image"])) as image:
        assert image.get_format_mimetype() == row["media_type"]
        return np.asarray(image)


@pytest.fixture(scope="module")
def draw() -> Draw:
    """Draw one request by itself with the bare sampler."""
    generator = load_image_generator(resolve_model(DEFAULT_MODEL), device="cpu")

    def call(request: ImageRequest, settings: ImageSettings) -> list[tuple[list[int], float, bool]]:
        (samples,) = generator.generate(generator.encode([request], settings))
        assert isinstance(samples, tuple), samples
        return [
            (one.codes.reshape(-1).tolist(), one.mean_logprob, one.contrasted) for one in samples
        ]

    return call


def check_drawn(rows: list[dict[str, Any]], drawn: list[tuple[list[int], float, bool]]) -> None:
    """Rows of one request are what the sampler gives for all of its samples at once."""
    for row, (codes, logprob, contrasted) in zip(rows, drawn, strict=True):
        assert row["codes"] == codes
        assert row["mean_logprob"] == pytest.approx(logprob, abs=1e-4)
        assert row["contrasted"] == contrasted


def test_samples_are_those_of_the_sampler_whatever_the_batch(
    tmp_path: Path, run_json: RunJson, draw: Draw
) -> None:
    requests: list[dict[str, Any]] = [
        {"id": f"r{number}", "prompt": prompt, "samples": 1 + number % 3}
        for number, prompt in enumerate(_PROMPTS)
    ]
    requests[2]["seed"] = 2**63 - 1
    path = write_requests(tmp_path / "requests.jsonl", requests)
    out = tmp_path / "out"
    options = ("--guidance", 2, "--top-p", 0.9, "--contrast-k", 3, "--contrast-half")
    counts = run_json("generate", path, out, *options, "--batch-size", 4)["counts"]
    assert counts == {"rows_in": 9, "rows_out": 9, "failed": 0, "skipped": 0}
    found = samples_of(out)
    settings = ImageSettings(
        guidance=2, top_p=0.9, contrast=ContrastSettings(k=3, alpha=0.1, half=True)
    )
    seeds = set()
    for request in requests:
        rows = [found[request["id"], number] for number in range(request["samples"])]
        (seed,) = {row["seed"] for row in rows}
        seeds.add(seed)
        prompt = f"draw {request['prompt']}"
        asked = ImageRequest(prompt=prompt, seed=seed, samples=request["samples"])
        check_drawn(rows, draw(asked, settings))
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        assert {(row["text"], row["prompt"]) for row in rows} == {(request["prompt"], prompt)}
    assert found["r2", 0]["seed"] == 2**63 - 1
    assert len(seeds) == len(requests)
    row = found["r1", 1]
    assert json.loads(row["settings"])["contrast"] == {"k": 3, "alpha": 0.1, "half": True}
    assert row["contrasted"]
    assert (row["score"], row["uri"], row["sha256"], row["shown"]) == (None, "", "", [])
    check_pixels(list(found.values()))
    # One by one they are the same.
    run_json("generate", path, tmp_path / "one", *options, "--batch-size", 1)
    assert codes_by_key(tmp_path / "one") == codes_by_key(out)


def codes_by_key(out: Path) -> dict[str, tuple[int, ...]]:
    return {row["key"]: tuple(row["codes"]) for row in read_table(out, "generations")}


def check_pixels(rows: list[dict[str, Any]]) -> None:
    """Encoded pictures hold just what the tokenizer makes of the codes."""
    tokenizer = load_image_tokenizer(resolve_model(DEFAULT_MODEL), device="cpu")
    codes = [
        ImageCodes(
            codes=np.array(row["codes"], np.int32).reshape(row["codes_height"], -1),
            tokenizer=row["model"],
            tokenizer_hash=row["tokenizer_hash"],
        )
        for row in rows
    ]
    for row, pixels in zip(rows, tokenizer.decode(codes), strict=True):
        assert isinstance(pixels, np.ndarray)
        assert (row["height"], row["width"]) == pixels.shape[:2]
        # Decoded beside others, a value may be rounded the other way.
        assert np.abs(pixels_of(row).astype(int) - pixels).max() <= 1


def test_only_what_is_new_is_drawn(tmp_path: Path, run_json: RunJson) -> None:
    requests = [{"id": "a", "prompt": "a red circle"}, {"id": "b", "prompt": "a blue circle"}]
    path, out = write_requests(tmp_path / "requests.jsonl", requests), tmp_path / "out"
    run_json("generate", path, out)
    first = codes_by_key(out)
    # More samples are drawn beside those that are there, and a changed prompt anew.
    counts = run_json("generate", path, out, "--samples", 2)["counts"]
    assert (counts["rows_out"], counts["skipped"]) == (2, 2)
    assert run_json("generate", path, out, "--samples", 2)["counts"]["skipped"] == 4
    requests[1]["prompt"] = "a green circle"
    write_requests(path, requests)
    counts = run_json("generate", path, out)["counts"]
    assert (counts["rows_out"], counts["skipped"]) == (1, 1)
    later = codes_by_key(out)
    assert first.items() <= later.items()
    assert len(later) == 5
    # Another fresh output gets the same pictures.
    run_json("generate", path, tmp_path / "again", "--samples", 2)
    again = codes_by_key(tmp_path / "again")
    assert len(again.items() & later.items()) == 3


def test_what_cannot_be_drawn_fails_alone(
    pictures: Path, tmp_path: Path, run_json: RunJson
) -> None:
    good = {"id": "good", "prompt": "make it blue", "uri": str(pictures / "0001.png")}
    rows: list[dict[str, Any]] = [
        good,
        {**good, "id": "no source", "uri": None},
        {**good, "id": "missing", "uri": "none.png", "samples": 2},
        {**good, "id": "second missing", "images": ["none.png"]},
        {**good, "id": "none asked", "samples": 0},
        {**good, "id": "too long", "prompt": "blue " * 500},
        {**good, "id": "no prompt", "prompt": ""},
        {**good, "id": "size", "size": "128x64"},
        {**good, "id": "placeholder", "prompt": "make <image> blue"},
        {**good, "id": "box", "uri": "", "boxes": [{"label": "dog", "box": [0, 0, 65, 9]}]},
        {**good, "prompt": "make it red"},
        {"prompt": "make it blue"},
    ]
    path, out = write_requests(tmp_path / "requests.jsonl", rows), tmp_path / "out"
    options = ("--guidance", 2, "--image-guidance", 1.5, "--max-failure-rate", 1)
    manifest = run_json("generate", path, out, *options)
    assert manifest["counts"] == {"rows_in": 13, "rows_out": 1, "failed": 12, "skipped": 0}
    ((name, _),) = samples_of(out)
    assert name == "good"
    found = {
        row["asset_id"]: (row["stage"], row["kind"], row["question_id"], row["message"])
        for row in read_table(out, "failures")
    }
    expected = {
        "no source": ("generate", "invalid_row", "0", "no source picture"),
        "missing": ("fetch", "not_found", "1", "none.png"),
        "second missing": ("generate", "not_found", "0", "none.png"),
        "none asked": ("read", "invalid_row", "", "0 samples"),
        "too long": ("generate", "prompt_too_long", "0", "Shorten"),
        "no prompt": ("read", "invalid_row", "", "no prompt"),
        "size": ("generate", "invalid_row", "0", "64 x 128"),
        "placeholder": ("generate", "invalid_row", "0", "<image>"),
        "box": ("generate", "invalid_row", "0", "not inside the picture of 64 x 64"),
        "good": ("commit", "duplicate_id", "0", ""),
        "": ("read", "missing_id", "", "no id"),
    }
    assert found.keys() == expected.keys()
    for asset_id, (stage, kind, number, words) in expected.items():
        assert found[asset_id][:3] == (stage, kind, number)
        assert words in found[asset_id][3]


def test_columns_that_no_parser_takes_fail_alone(tmp_path: Path, run_json: RunJson) -> None:
    digits, deep = "9" * 5000, "[" * 3000
    large = "1" + "0" * 400
    hostile: dict[str, dict[str, Any]] = {
        "deep": {"boxes": deep},
        "deep and closed": {"boxes": "[" * 900 + "]" * 900},
        "deep document": {"documents": '[{"text": ' + "[" * 3000},
        "digits": {"boxes": f'[{{"label": "dog", "box": [0, 0, 5, {digits}]}}]'},
        "no float": {"boxes": f'[{{"label": "dog", "box": [0, 0, 5, {large}]}}]'},
        "infinite": {"boxes": '[{"label": "dog", "box": [0, 0, 5, 1e999]}]'},
        "no number": {"boxes": '[{"label": "dog", "box": [0, 0, 5, NaN]}]'},
        "size": {"size": f"{digits}x64"},
        "samples": {"samples": digits},
        "seed": {"seed": int(large)},
        "mask": {"uri": "a.png", "mask": deep},
        # Half of a surrogate pair is no text that a table holds.
        "half a pair": {"samples": "\ud83d"},
        "half a pair in JSON": {"boxes": '["\\ud83d"]'},
    }
    rows: list[dict[str, Any]] = [{"id": "good", "prompt": "a red circle"}]
    rows += [{"id": name, "prompt": "a red circle", **row} for name, row in hostile.items()]
    # Nor does a tokenizer read it: escaped, it is one.
    label = '[{"label": "dog \\ud83d", "box": [0, 0, 5, 5]}]'
    rows.append({"id": "label", "prompt": "a red circle", "boxes": label})
    rows.append({"id": "own label", "prompt": "a red circle", "boxes": json.loads(label)})
    path, out = write_requests(tmp_path / "requests.jsonl", rows), tmp_path / "out"
    manifest = run_json("generate", path, out, "--max-failure-rate", 1)
    assert manifest["counts"] == {"rows_in": 16, "rows_out": 3, "failed": 13, "skipped": 0}
    assert {name for name, _ in samples_of(out)} == {"good", "label", "own label"}
    failures = {row["asset_id"]: row for row in read_table(out, "failures")}
    assert failures.keys() == hostile.keys()
    for row in failures.values():
        assert (row["stage"], row["kind"]) == ("read", "invalid_row")
        assert row["message"].startswith("The row ")
    assert "boxes that is not JSON: it is nested too deep" in failures["deep"]["message"]


def test_pictures_are_edited(pictures: Path, tmp_path: Path, run_json: RunJson, draw: Draw) -> None:
    out = tmp_path / "out"
    options = ("--limit", 6, "--guidance", 4, "--image-guidance", 1.5, "--format", "webp")
    run_json("edit", pictures, out, "--instruction", "make it blue", *options)
    found = samples_of(out)
    settings = ImageSettings(guidance=4, image_guidance=1.5)
    assert len(found) == 6
    for (asset_id, _), row in found.items():
        with Image.open(pictures / asset_id) as image:
            source = np.asarray(image.convert("RGB"))
        asked = ImageRequest(prompt="make it blue", seed=row["seed"], images=(source,))
        check_drawn([row], draw(asked, settings))
        assert (row["prompt"], row["media_type"]) == ("make it blue", "image/webp")
        assert row["shown"] == [row["uri"]]
        assert row["shown_sha256"] == [row["sha256"]]
    check_pixels(list(found.values()))


def test_a_catalog_says_what_is_to_be_done_to_each_picture(
    pictures: Path, tmp_path: Path, run_json: RunJson, draw: Draw
) -> None:
    rows = [
        {"id": "a", "uri": str(pictures / "0003.png"), "instruction": "make it red"},
        # To a model that edits, columns of a catalog say nothing more.
        {"id": "b", "uri": str(pictures / "0004.png"), "instruction": "make it teal", "seed": "x"},
    ]
    path, out = write_requests(tmp_path / "catalog.jsonl", rows), tmp_path / "out"
    run_json("edit", path, out, "--samples", 2, "--seed", 5)
    found = samples_of(out)
    assert {name: row["text"] for (name, _), row in found.items()} == {
        "a": "make it red",
        "b": "make it teal",
    }
    assert {row["seed"] for row in found.values()} == {5}
    assert len(found) == 4
    # Several source pictures of a request are shown in their order.
    several: list[dict[str, Any]] = [
        {
            "id": "a",
            "prompt": "make it red",
            "uri": "one.png",
            "images": ["two.png"],
            "license": "CC0",
            "seed": 3,
            "samples": 2,
        }
    ]
    sources = []
    for number, name in enumerate(("one.png", "two.png")):
        with Image.open(pictures / f"{number:04d}.png") as image:
            image.save(tmp_path / name)
            sources.append(np.asarray(image.convert("RGB")))
    path = write_requests(tmp_path / "several.jsonl", several)
    run_json("generate", path, tmp_path / "several", "--template", "{prompt} .")
    drawn = [row for _, row in sorted(samples_of(tmp_path / "several").items())]
    asked = ImageRequest(prompt="make it red .", seed=3, samples=2, images=tuple(sources))
    check_drawn(drawn, draw(asked, ImageSettings()))
    assert drawn[0]["shown"] == ["one.png", str(tmp_path / "two.png")]
    assert drawn[0]["shown_licenses"] == ["CC0", "CC0"]
    assert len(set(drawn[0]["shown_sha256"])) == 2


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--model", "calumma-clip"], 1, "makes no images. These types do: chameleon"),
        (["--contrast-k", "2", "--guidance", "3"], 2, "takes the place of guidance"),
        (["--contrast-k", "2", "--contrast-half", "--contrast-alpha", "2"], 2, "at most 1"),
        (["--contrast-half"], 2, "need --contrast-k"),
        (["--temperature", "0", "--top-k", "5"], 2, "nothing is sampled"),
        (["--temperature", "0", "--samples", "2"], 2, "would be alike"),
        (["--samples", "0"], 2, "--samples must be at least 1"),
        (["--size", "64x64"], 1, "draws in one size"),
        (["--template", "draw it"], 2, "must hold {prompt}"),
    ],
)
def test_what_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, words: str
) -> None:
    path = write_requests(tmp_path / "requests.jsonl", [{"id": "a", "prompt": "a red circle"}])
    assert run(["generate", str(path), str(tmp_path / "out"), *options]) == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out" / "_runs").exists()


def test_what_is_refused_of_edits(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    for options, words in (
        (["--instruction", " "], "instruction is empty"),
        (["--instruction", "make it red", "--columns.text", "text"], "one of the two"),
    ):
        assert run(["edit", str(pictures), out, *options]) == 2
        assert words in capsys.readouterr().err


def test_a_killed_run_is_gone_on_with_within_a_split(
    tmp_path: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = tmp_path / "requests", tmp_path / "out"
    # Each file is a split.
    for part, count in enumerate((4, 60)):
        rows = [
            {"id": f"{part}-{number}", "prompt": _PROMPTS[number % 5], "samples": 2}
            for number in range(count)
        ]
        write_requests(folder / f"{part}.jsonl", rows)
    requests = f"{folder}/*.jsonl"
    # Sixteen pictures are a window, and here a part.
    command = [sys.executable, "-c", _SMALL_PARTS, "generate", requests, str(out)]
    with subprocess.Popen(
        [*command, "--batch-size", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # Not the smaller split alone.
        while len(list(out.glob(_STAGED))) < 3:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    staged = [Path(f"{str(part).removesuffix('.json')}.rows.parquet") for part in out.glob(_STAGED)]
    before = {
        row["key"]: row["image"]
        for part in staged
        for row in pq.ParquetFile(part).read().to_pylist()
    }
    of_larger = [row for part in staged for row in ids_of(part) if row.startswith("1-")]
    assert 32 <= len(of_larger) < 120
    drawn: list[str] = []
    ask = GeneratingHandler._request

    def counted(handler: GeneratingHandler, task: Task) -> Asked:
        drawn.append(task.key)
        return ask(handler, task)

    monkeypatch.setattr(GeneratingHandler, "_request", counted)
    manifest = run_json("generate", requests, out, "--batch-size", 32)
    assert manifest["counts"] == {"rows_in": 128, "rows_out": 128, "failed": 0, "skipped": 0}
    # The run that was begun is the one that ended: what was drawn before is among its pictures,
    # and nothing of it was drawn again.
    assert {part.parts[-4] for part in staged} == {manifest["run_id"]}
    found = {row["key"]: row["image"] for row in samples_of(out).values()}
    assert before.items() <= found.items()
    assert sorted(drawn) == sorted(found.keys() - before.keys())


def ids_of(part: Path) -> list[str]:
    return [row["asset_id"] for row in pq.ParquetFile(part).read(["asset_id"]).to_pylist()]
