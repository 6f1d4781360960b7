"""Captions, answers and drawn pictures with neighbours before them, by the command line."""

import csv
import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from easy_vqa import get_test_questions
from numpy.typing import NDArray
from PIL import Image

from models.generating import ImageDocument, ImageRequest, ImageSettings, load_image_generator
from models.source import DEFAULT_MODEL, resolve_model
from pipelines.cli import run
from tests.end_to_end.conftest import RunJson, copy_pictures, read_table
from training.pictures import looks_told


def write_pairs(path: Path, texts: dict[str, str]) -> Path:
    """A catalog of pictures with texts and licences, its uris relative to where it lies."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "uri", "text", "license"])
        writer.writerows(
            [name, f"pictures/{name}", text, f"licence of {name}"] for name, text in texts.items()
        )
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures with texts, one without; their index; ten other pictures."""
    folder = tmp_path_factory.mktemp("world")
    copy_pictures(folder / "pictures", 100, 160)
    copy_pictures(folder / "new", 0, 10)
    looks = looks_told(zip(*get_test_questions(), strict=True))
    texts = {
        f"{number:04d}.png": " ".join(["a", *looks[number]])
        for number in range(100, 160)
        if number in looks
    }
    untold = next(name.name for name in sorted((folder / "pictures").iterdir()))
    catalog = write_pairs(folder / "pairs.csv", {**texts, untold: ""})
    out, index = str(folder / "embedded"), str(folder / "index")
    assert run(["embed", str(catalog), out, "--of", "image", "--json"]) == 0
    assert run(["index", out, index, "--json"]) == 0
    return folder


def test_embeddings_know_where_pictures_lie_whoever_reads_them(world: Path) -> None:
    rows = read_table(world / "embedded", "embeddings")
    assert {row["uri"] for row in rows} == {f"{world}/pictures/{row['asset_id']}" for row in rows}


def test_captions_are_written_with_the_neighbours_that_the_model_was_shown(
    world: Path, tmp_path: Path, run_json: RunJson
) -> None:
    new, index = world / "new", world / "index"
    run_json("neighbors", new, index, tmp_path / "found", "--of", "image", "--k", 4)
    nearest = {row["asset_id"]: row for row in read_table(tmp_path / "found", "neighbors")}
    run_json("caption", new, tmp_path / "plain")
    plain = {row["asset_id"]: row for row in read_table(tmp_path / "plain", "captions")}
    manifest = run_json("caption", new, tmp_path / "out", "--index", index, "--neighbors", 2)
    assert manifest["config"]["index_version"] == 1
    rows = read_table(tmp_path / "out", "captions")
    assert len(rows) == 10
    texts = {row["asset_id"]: row["text"] for row in read_table(world / "embedded", "embeddings")}
    for row in rows:
        told = [one for one in nearest[row["asset_id"]]["neighbor_ids"] if texts[one]]
        assert row["neighbors"] == told[:2]
        assert plain[row["asset_id"]]["neighbors"] == []
        assert row["mean_logprob"] != plain[row["asset_id"]]["mean_logprob"]
    # What is done is not done again, and another number of neighbours is another job.
    assert run_json("caption", new, tmp_path / "out", "--index", index)["counts"]["skipped"] == 10
    again = run_json("caption", new, tmp_path / "out", "--index", index, "--neighbors", 1)
    assert again["counts"]["rows_out"] == 10


def test_a_picture_is_never_its_own_example(world: Path, tmp_path: Path, run_json: RunJson) -> None:
    run_json("caption", world / "pairs.csv", tmp_path / "out", "--index", world / "index")
    rows = read_table(tmp_path / "out", "captions")
    assert rows
    for row in rows:
        assert len(row["neighbors"]) == 2
        assert row["asset_id"] not in row["neighbors"]


def test_answers_are_given_with_neighbours_too(
    world: Path, tmp_path: Path, run_json: RunJson
) -> None:
    asked = ("--question", "what shape is in the image?", "--question", "what color is the shape?")
    run_json("answer", world / "new", tmp_path / "out", "--index", world / "index", *asked)
    rows = read_table(tmp_path / "out", "answers")
    assert len(rows) == 20
    shown = {(row["asset_id"], tuple(row["neighbors"])) for row in rows}
    # Both questions about a picture are asked with the same examples.
    assert len(shown) == 10
    assert {len(neighbors) for _, neighbors in shown} == {2}


def test_neighbours_that_cannot_be_read(world: Path, tmp_path: Path, run_json: RunJson) -> None:
    # An index of pictures of which all but three are gone.
    pictures = Path(shutil.copytree(world / "pictures", tmp_path / "pictures"))
    names = sorted(path.name for path in pictures.iterdir())
    write_pairs(tmp_path / "pairs.csv", dict.fromkeys(names, "a red circle"))
    run_json("embed", tmp_path / "pairs.csv", tmp_path / "embedded", "--of", "image")
    run_json("index", tmp_path / "embedded", tmp_path / "index")
    left = names[::20]
    for name in set(names) - set(left):
        (pictures / name).unlink()
    out = tmp_path / "out"
    options = ("--index", tmp_path / "index", "--neighbors", 1)
    run_json("caption", world / "new", out, *options, "--max-failure-rate", 1)
    rows, failures = read_table(out, "captions"), read_table(out, "failures")
    assert len(rows) + len(failures) == 10
    assert rows
    assert failures
    assert {row["neighbors"][0] for row in rows} <= set(left)
    for failure in failures:
        assert failure["kind"] == "not_found"
        assert (
            "None of its neighbours can be shown. The picture of the neighbour"
            in failure["message"]
        )


def test_what_cannot_be_asked_for(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.models.checkpoints.families import BUILDERS

    new, out = str(world / "new"), str(tmp_path / "out")
    assert run(["caption", new, out, "--neighbors", "2"]) == 2
    assert "need --index INDEX" in capsys.readouterr().err
    assert run(["caption", new, out, "--index", new]) == 2
    assert "is no index" in capsys.readouterr().err
    BUILDERS["florence2"](str(tmp_path / "florence"))
    command = ["caption", new, out, "--index", str(world / "index")]
    assert run([*command, "--model", str(tmp_path / "florence")]) == 2
    assert "florence2 read nothing but their own prompts" in capsys.readouterr().err
    assert not (Path(out) / "captions").exists()


def test_models_of_one_picture_are_told_the_texts(
    world: Path, tmp_path: Path, run_json: RunJson
) -> None:
    from tests.models.checkpoints.families import BUILDERS

    BUILDERS["paligemma"](str(tmp_path / "paligemma"))
    # Their pictures are not needed.
    index = Path(shutil.copytree(world / "index", tmp_path / "index"))
    model = ("--model", tmp_path / "paligemma", "--max-new-tokens", 4)
    run_json("caption", world / "new", tmp_path / "out", "--index", index, *model)
    rows = read_table(tmp_path / "out", "captions")
    assert {len(row["neighbors"]) for row in rows} == {2}
    assert {row["prompt"] for row in rows} == {"caption en"}


def test_pictures_inside_a_tar_are_shown_as_files_are(
    world: Path, tmp_path: Path, run_json: RunJson
) -> None:
    texts = {row["asset_id"]: row["text"] for row in read_table(world / "embedded", "embeddings")}
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        for name, text in sorted(texts.items()):
            archive.add(world / "pictures" / name, name)
            told = tarfile.TarInfo(f"{Path(name).stem}.txt")
            told.size = len(text)
            archive.addfile(told, io.BytesIO(text.encode()))
    run_json("embed", tmp_path / "s.tar", tmp_path / "embedded", "--of", "image")
    run_json("index", tmp_path / "embedded", tmp_path / "index")
    for index in (world / "index", tmp_path / "index"):
        run_json("caption", world / "new", tmp_path / index.parent.name, "--index", index)
    of_files, of_tar = (
        {row["asset_id"]: row for row in read_table(tmp_path / name, "captions")}
        for name in (world.name, tmp_path.name)
    )
    assert len(of_files) == 10
    for name, row in of_tar.items():
        assert [f"{neighbor}.png" for neighbor in row["neighbors"]] == of_files[name]["neighbors"]
        assert row["mean_logprob"] == pytest.approx(of_files[name]["mean_logprob"], abs=1e-4)


def test_requests_of_one_text_are_never_shown_themselves_whatever_the_batch(
    world: Path, tmp_path: Path, run_json: RunJson
) -> None:
    index, requests = world / "index", tmp_path / "requests.jsonl"
    requests.write_text('{"id": "other", "prompt": "a red circle"}\n')
    run_json("generate", requests, tmp_path / "near", "--index", index, "--neighbors", 3)
    (row,) = read_table(tmp_path / "near", "generations")
    first, second, third = row["neighbors"]
    rows = [{"id": name, "prompt": "a red circle"} for name in (first, second)]
    requests.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    for size in (1, 2):
        out = tmp_path / str(size)
        options = ("--index", index, "--neighbors", 2, "--batch-size", size)
        run_json("generate", requests, out, *options)
        shown = {row["asset_id"]: row["neighbors"] for row in read_table(out, "generations")}
        assert shown == {first: [second, third], second: [first, third]}


def test_neighbours_whose_text_is_refused_are_left_out(
    world: Path, tmp_path: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, requests = world / "index", tmp_path / "requests.jsonl"
    requests.write_text('{"id": "other", "prompt": "a red circle"}\n')
    texts = {row["asset_id"]: row["text"] for row in read_table(world / "embedded", "embeddings")}

    def shown(out: str, *options: object) -> list[str]:
        run_json("generate", requests, tmp_path / out, "--index", index, *options)
        (row,) = read_table(tmp_path / out, "generations")
        return list(row["neighbors"])

    plain = shown("plain", "--neighbors", 40)
    place = next(place for place, name in enumerate(plain) if texts[name] != "a red circle")
    refused, words = texts[plain[place]], tmp_path / "words.txt"
    words.write_text(f"draw {refused}\n")
    left = [name for name in plain if texts[name] != refused]
    found = shown("words", "--neighbors", place + 1, "--blocked-words", words)
    assert found == left[: place + 1]
    # A policy that cannot judge a neighbour costs its row.
    (tmp_path / "policy_of_neighbours.py").write_text(
        "class Judge:\n"
        "    def judge_prompt(self, prompt):\n"
        "        assert prompt == 'draw a red circle', 'away'\n"
        "    def judge_picture(self, pixels):\n"
        "        return None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    policy = ("--policy", "policy_of_neighbours:Judge", "--neighbors", 2)
    out = tmp_path / "broken"
    run_json("generate", requests, out, "--index", index, *policy, "--max-failure-rate", 1)
    (failure,) = read_table(out, "failures")
    assert failure["kind"] == "policy"
    assert "could not judge the text of the neighbour" in failure["message"]


def test_pictures_are_drawn_with_documents_before_the_prompt(
    world: Path, tmp_path: Path, run_json: RunJson
) -> None:
    picture = str(world / "pictures" / "0100.png")
    own = [
        {"id": "near", "uri": picture, "text": "a red circle", "license": "CC0"},
        {"text": "a blue circle"},
    ]
    rows = [
        {"id": "retrieved", "prompt": "a red circle", "seed": 3},
        {"id": "own", "prompt": "a red circle", "seed": 3, "documents": own},
    ]
    requests = tmp_path / "requests.jsonl"
    requests.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    out, index = tmp_path / "out", world / "index"
    manifest = run_json("generate", requests, out, "--index", index, "--neighbors", 2)
    assert manifest["config"]["index_version"] == 1
    options = ("--columns.text", "prompt", "--of", "text", "--k", 4)
    run_json("neighbors", requests, index, tmp_path / "found", *options)
    nearest = {row["asset_id"]: row for row in read_table(tmp_path / "found", "neighbors")}
    texts = {row["asset_id"]: row["text"] for row in read_table(world / "embedded", "embeddings")}
    told = [one for one in nearest["retrieved"]["neighbor_ids"] if texts[one]][:2]
    drawn = {row["asset_id"]: row for row in read_table(out, "generations")}
    retrieved, given = drawn["retrieved"], drawn["own"]
    assert retrieved["neighbors"] == told
    assert retrieved["shown"] == [f"{world}/pictures/{name}" for name in told]
    assert retrieved["shown_licenses"] == [f"licence of {name}" for name in told]
    assert given["neighbors"] == ["near", ""]
    assert (given["shown"], given["shown_licenses"]) == ([picture], ["CC0"])
    # They are the sampler's own with the same documents, the nearest last.
    generator = load_image_generator(resolve_model(DEFAULT_MODEL), device="cpu")

    def pixels(path: str) -> NDArray[np.uint8]:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))

    documents = [
        tuple(
            ImageDocument(name=name, text=f"draw {texts[name]}", pixels=pixels(uri))
            for name, uri in zip(reversed(told), reversed(retrieved["shown"]), strict=True)
        ),
        (
            ImageDocument(name="", text="draw a blue circle"),
            ImageDocument(name="near", text="draw a red circle", pixels=pixels(picture)),
        ),
    ]
    for row, some in zip((retrieved, given), documents, strict=True):
        request = ImageRequest(prompt="draw a red circle", seed=3, documents=some)
        (samples,) = generator.generate(generator.encode([request], ImageSettings()))
        assert isinstance(samples, tuple)
        assert row["codes"] == samples[0].codes.reshape(-1).tolist()
    assert retrieved["codes"] != given["codes"]
    # An edit is shown what is like its picture.
    run_json(
        "edit",
        world / "new",
        tmp_path / "edits",
        "--instruction",
        "make it red",
        "--index",
        index,
        "--limit",
        2,
    )
    run_json("neighbors", world / "new", index, tmp_path / "like", "--of", "image", "--limit", 2)
    like = {row["asset_id"]: row for row in read_table(tmp_path / "like", "neighbors")}
    for row in read_table(tmp_path / "edits", "generations"):
        assert row["neighbors"] == like[row["asset_id"]]["neighbor_ids"]
        assert len(row["shown"]) == 3
