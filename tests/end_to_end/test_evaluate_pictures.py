"""Evaluation of what has to do with pictures: by vectors, by neighbours, by codes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from transformers import AutoModel, AutoProcessor

from models.files import model_folder
from models.source import resolve_encoder
from pipelines.cli import run
from storage.evaluation import matched
from storage.store import open_store
from tests.end_to_end.conftest import RunJson, read_table, write_parquet
from tests.end_to_end.test_evaluate import by_metric
from tests.storage.committed_rows import (
    commit_rows,
    generated_image,
    image_tokens,
    neighbors,
)
from tests.storage.rows import caption
from tests.transforms.metrics.test_picture_sets import direct

LONG = "a red circle " * 40


class Clip:
    """The packaged encoder as transformers runs it, without any code of ours."""

    def __init__(self) -> None:
        folder = model_folder(resolve_encoder("calumma-clip"), weights=True)
        self._model = AutoModel.from_pretrained(folder).eval()
        processors: Any = AutoProcessor
        self._processor = processors.from_pretrained(folder)

    def picture(self, path: Path) -> np.ndarray:
        with torch.inference_mode():
            given = self._processor(images=Image.open(path).convert("RGB"), return_tensors="pt")
            return _unit(self._model.get_image_features(**given))

    def text(self, text: str) -> np.ndarray:
        with torch.inference_mode():
            given = self._processor(text=[text], return_tensors="pt", truncation=True)
            return _unit(self._model.get_text_features(**given))


def _unit(found: Any) -> np.ndarray:
    vector = found if isinstance(found, torch.Tensor) else found.pooler_output
    unit: np.ndarray = (vector / vector.norm(dim=-1, keepdim=True))[0].double().numpy()
    return unit


def test_clip_scores_of_captions(
    tmp_path: Path, pictures: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").symlink_to(pictures)
    files = sorted(pictures.glob("*.png"))[:8]
    ids = [path.name for path in files]
    texts = ["a red circle", "a blue square", "a green triangle", LONG] * 2
    texts[5] = ""
    uris = [f"photos/{name}" for name in ids]
    uris[6], uris[7] = "photos/none.png", ""
    results = write_parquet(
        tmp_path / "results.parquet", {"asset_id": ids, "text": texts, "uri": uris}
    )
    truth = [["a red circle", "a circle"], ["a gray rectangle"]] * 4
    file = write_parquet(tmp_path / "truth.parquet", {"asset_id": ids, "references": truth})
    plain = run_json("evaluate", results, tmp_path / "plain", "--references", file)
    asked = ("--references", file, "--encoder", "calumma-clip")
    done = run_json("evaluate", results, tmp_path / "out", *asked)
    found = by_metric(done)
    # What other metrics say does not change.
    assert {name: found[name] for name in by_metric(plain)} == by_metric(plain)
    clip = Clip()
    scores, with_references = [], []
    for place in range(6):
        picture = clip.picture(files[place])
        if not texts[place]:
            scores.append(0.0)
            with_references.append(0.0)
            continue
        caption = clip.text(texts[place])
        score = 2.5 * max(float(picture @ caption), 0)
        nearest = max(*(float(caption @ clip.text(one)) for one in truth[place]), 0.0)
        scores.append(score)
        with_references.append(2 * score * nearest / (score + nearest) if score else 0.0)
    assert found["clip_score"]["count"] == found["ref_clip_score"]["count"] == 6
    assert found["clip_score"]["value"] == pytest.approx(np.mean(scores), abs=1e-5)
    assert found["ref_clip_score"]["value"] == pytest.approx(np.mean(with_references), abs=1e-5)
    assert done["config"]["texts_cut"] == 2
    assert done["config"]["without_vector"] == {"invalid_row": 1, "not_found": 1}
    rows = read_table(tmp_path / "out", "row_scores")
    assert rows[0]["metrics"][-2:] == ["clip_score", "ref_clip_score"]
    assert [row["scores"][-2] for row in rows[:6]] == pytest.approx(scores, abs=1e-5)
    assert np.isnan([row["scores"][-1] for row in rows[6:]]).all()
    monkeypatch.setattr(matched, "ENCODED_ROWS_PER_SPLIT", 3)
    monkeypatch.setattr("storage.evaluation.results._ROWS_AT_ONCE", 3)
    parts = by_metric(run_json("evaluate", results, tmp_path / "parts", *asked))
    for name, whole in found.items():
        assert parts[name]["value"] == pytest.approx(whole["value"], abs=1e-6)
    # The scores of two encoders, or of two revisions of one, are not compared.
    compared = run_json("compare", tmp_path / "out", tmp_path / "parts")
    assert "clip_score" in {one["metric"] for one in compared["differences"]}
    (manifest,) = (tmp_path / "parts" / "_runs").iterdir()
    changed = json.loads(manifest.read_text())
    changed["config"]["encoder_revision"] = "another"
    manifest.write_text(json.dumps(changed))
    compared = run_json("compare", tmp_path / "out", tmp_path / "parts")
    assert "clip_score" in compared["left_out"]
    assert "cider_d" in {one["metric"] for one in compared["differences"]}
    # An empty caption scores 0 also where there is no other.
    columns = {"asset_id": ids[:2], "text": ["", ""], "uri": uris[:2]}
    results = write_parquet(tmp_path / "empty.parquet", columns)
    empty = by_metric(run_json("evaluate", results, tmp_path / "empty", *asked))
    assert (empty["clip_score"]["value"], empty["clip_score"]["count"]) == (0, 2)


@pytest.fixture(scope="module")
def reference(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vectors of forty pictures."""
    out = tmp_path_factory.mktemp("vectors") / "out"
    assert run(["embed", str(pictures), str(out), "--of", "image", "--json"]) == 0
    return out


def vectors_of(out: Path) -> np.ndarray:
    return np.array([row["vector"] for row in read_table(out, "embeddings")], np.float64)


def test_generations_against_a_reference_set(
    tmp_path: Path,
    pictures: Path,
    reference: Path,
    run_json: RunJson,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = sorted(pictures.glob("*.png"))[:12]
    drawn = tmp_path / "drawn"
    rows = [
        generated_image("a red circle", path.read_bytes(), number % 2, key=f"k{number}")
        if number < 2
        else generated_image(f"a blue square {number}", path.read_bytes(), key=f"k{number}")
        for number, path in enumerate(files)
    ]
    rows[3] = replace(rows[3], text="")
    rows[5] = replace(rows[5], text=LONG)
    rows[4] = replace(rows[4], image=b"no picture")
    commit_rows(open_store(str(drawn)), rows)
    asked = ("--references", reference)
    done = run_json("evaluate", drawn, tmp_path / "out", *asked)
    found = by_metric(done)
    assert done["counts"] == {"rows_in": 12, "rows_out": 12, "failed": 0, "skipped": 0}
    assert done["config"]["without_vector"] == {"not_an_image": 1}
    clip = Clip()
    there = [(row, path) for row, path in zip(rows, files, strict=True) if row is not rows[4]]
    vectors = np.array([clip.picture(path) for _, path in there])
    expected = direct(vectors, vectors_of(reference))
    assert found["frechet_distance"]["value"] == pytest.approx(expected, abs=1e-5)
    assert found["frechet_distance"]["count"] == 11
    assert set(found) == {
        *("clip_score", "frechet_distance", "precision", "density", "recall", "coverage")
    }
    scores = [
        2.5 * max(float(vector @ clip.text(row.text)), 0)
        for vector, (row, _) in zip(vectors, there, strict=True)
        if row.text
    ]
    assert found["clip_score"]["count"] == 10
    assert found["clip_score"]["value"] == pytest.approx(np.mean(scores), abs=1e-5)
    assert run(["evaluate", str(drawn), str(tmp_path / "out"), "--references", str(reference)]) == 0
    said = capsys.readouterr().out
    assert "Not scored by vectors: 1 row (1 not_an_image)." in said
    assert "Of 1 row a text is longer than the encoder reads: its beginning was scored." in said
    # The same by vectors that were made before: each sample is a row, by its key.
    made = tmp_path / "made"
    table = drawn / "generations"
    embedding = ["embed", str(table), str(made), "--columns.id", "key", "--of", "image", "--json"]
    assert run([*embedding, "--max-failure-rate", "1"]) == 0
    again = by_metric(run_json("evaluate", made, tmp_path / "again", *asked))
    assert set(again) == set(found) - {"clip_score"}
    for name, score in again.items():
        assert score["value"] == pytest.approx(found[name]["value"], abs=1e-5), name


def test_pictures_of_an_output_are_found_from_the_folders_of_its_catalogs(
    tmp_path: Path, pictures: Path, run_json: RunJson
) -> None:
    (tmp_path / "photos").symlink_to(pictures)
    for folder, uri, ids in ((tmp_path, "photos/", range(3)), (pictures, "", range(3, 5))):
        rows = [
            replace(caption("", f"{one:04d}"), uri=f"{uri}{one:04d}.png", text="a red circle")
            for one in ids
        ]
        catalog = {"catalog": str(folder / "catalog.csv")}
        commit_rows(open_store(str(tmp_path / "out")), rows, config=catalog)
    encoder = ("--encoder", "calumma-clip")
    done = run_json("evaluate", tmp_path / "out", tmp_path / "scores", *encoder)
    assert by_metric(done)["clip_score"]["count"] == 5
    assert done["config"]["without_vector"] == {}
    # A page finds them by what the scores say.
    scored = read_table(tmp_path / "scores", "row_scores")
    assert sorted(row["uri"] for row in scored) == [
        *(f"{tmp_path}/photos/{one:04d}.png" for one in range(3)),
        *("0003.png", "0004.png"),
    ]


def test_vectors_that_cannot_be_compared_have_a_reason(
    tmp_path: Path, reference: Path, run_json: RunJson
) -> None:
    vectors = vectors_of(reference)
    count, width = vectors.shape
    given: list[Any] = [row.tolist() for row in vectors]
    given[0] = [np.nan, *given[0][1:]]
    given[1] = [0.0] * width
    given[2] = given[2][:-1]
    given[3] = None
    ids = [f"{number:02d}" for number in range(count)]
    column = pa.array(given, pa.list_(pa.float32()))
    results = tmp_path / "r.parquet"
    pq.write_table(pa.table({"asset_id": ids, "vector": column}), results)
    asked = ("--table", "generations", "--references", reference)
    done = run_json("evaluate", results, tmp_path / "out", *asked)
    assert done["failures_by_kind"] == {"invalid_row": 4}
    told = [row["message"] for row in read_table(tmp_path / "out", "failures")]
    for message, part in zip(
        told, ("not finite", "zeros", f"{width - 1} numbers", "no vector"), strict=True
    ):
        assert part in message
    found = by_metric(done)
    assert found["frechet_distance"]["value"] == pytest.approx(
        direct(vectors[4:], vectors), abs=1e-5
    )
    # All that is left is of the reference set: in a ball of it, unless it is on an edge of all.
    assert found["precision"]["value"] > 0.9


def test_neighbors_are_scored_by_what_they_were_to_find(tmp_path: Path, run_json: RunJson) -> None:
    rows = [neighbors("a", ["b", "x", "c"]), neighbors("b", ["x", "a"]), neighbors("c", [])]
    commit_rows(open_store(str(tmp_path / "found")), [*rows, neighbors("d", ["a"])])
    file = tmp_path / "classes.jsonl"
    same = {"a": ["a", "b", "c"], "b": ["a", "b", "c"], "c": ["a", "b", "c"], "d": ["d"]}
    file.write_text(
        "".join(
            json.dumps({"asset_id": one, "references": ids}) + "\n" for one, ids in same.items()
        )
    )
    done = run_json("evaluate", tmp_path / "found", tmp_path / "out", "--references", file)
    # One that is alone in its class finds nobody: the query itself is never searched for.
    assert done["failures_by_kind"] == {"invalid_row": 1}
    found = by_metric(done)
    assert found["map"]["value"] == pytest.approx(np.mean([(1 + 2 / 3) / 2, 0.5 / 2, 0]))
    assert found["recall_at_1"]["value"] == pytest.approx(np.mean([0.5, 0, 0]))
    assert found["hit_rate_at_1"]["value"] == pytest.approx(1 / 3)
    assert found["median_rank"]["value"] == 2
    # No list is so long.
    assert "recall_at_5" not in found
    # Of other files ids are taken as they are: a text may be to find the picture of its own id.
    results = write_parquet(
        tmp_path / "r.parquet", {"asset_id": [1, 2], "neighbor_ids": [[1], [1]]}
    )
    truth = write_parquet(tmp_path / "t.parquet", {"asset_id": [1, 2], "references": [[1], [2]]})
    asked = ("--table", "neighbors", "--references", truth)
    plain = by_metric(run_json("evaluate", results, tmp_path / "plain", *asked))
    assert plain["recall_at_1"]["value"] == 0.5
    # More is better of what is compared, which a rank is not.
    commit_rows(open_store(str(tmp_path / "worse")), [neighbors("a", ["x", "b"])])
    run_json("evaluate", tmp_path / "worse", tmp_path / "scores", "--references", file)
    compared = run_json("compare", tmp_path / "out", tmp_path / "scores")
    metrics = {one["metric"]: one["difference"] for one in compared["differences"]}
    assert "first_rank" not in metrics
    assert metrics["recall_at_1"] == -0.5


def test_codes_and_reconstructions(tmp_path: Path, run_json: RunJson) -> None:
    rows = [image_tokens(f"{number}", [number % 4, 5]) for number in range(40)]
    commit_rows(open_store(str(tmp_path / "codes")), rows)
    done = run_json("evaluate", tmp_path / "codes", tmp_path / "out")
    found = by_metric(done)
    assert found["codes_used"]["value"] == 5
    assert (found["codes_used"]["low"], found["codes_used"]["count"]) == (None, 40)
    shares = np.array([1 / 8] * 4 + [1 / 2])
    assert found["code_perplexity"]["value"] == pytest.approx(np.exp(-(shares @ np.log(shares))))
    assert [row["scores"] for row in read_table(tmp_path / "out", "row_scores")] == [[2.0]] * 40
    results = write_parquet(
        tmp_path / "r.parquet",
        {
            "asset_id": ["a", "b", "c", "d", "e", "f"],
            "psnr": [20.0, float("inf"), None, float("nan"), 1e9, 30.0],
            "ssim": [0.5, 1.0, None, 0.1, 0.1, 30.0],
            "shelf": ["low", "high", "low", "low", "low", "low"],
        },
    )
    asked = ("--table", "reconstructions", "--slice-by", "shelf")
    done = run_json("evaluate", results, tmp_path / "likeness", *asked)
    found = by_metric(done)
    assert done["failures_by_kind"] == {"invalid_row": 4}
    assert (found["psnr"]["value"], found["psnr"]["count"]) == (20, 1)
    assert (found["ssim"]["value"], found["exact"]["value"]) == (0.75, 0.5)
    assert by_metric(done, "shelf=high")["ssim"]["value"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--table", "generations"], "--references, an output of calumma embed, or --encoder"),
        (["--table", "generations", "--references", "none"], "holds no embeddings"),
        (["--table", "generations", "--encoder", "calumma-tiny"], "does not embed pictures"),
        (["--table", "tokens"], "has no column codes"),
        (["--table", "tokens", "--references", "r.parquet"], "are compared with nothing"),
        (["--table", "answers", "--encoder", "calumma-clip"], "for captions and generations only"),
        (["--table", "neighbors", "--references", "t.parquet"], "has no column neighbor_ids"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_a_sentence(
    options: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_parquet(Path("r.parquet"), {"asset_id": ["a"], "text": ["x"], "vector": [[1.0]]})
    write_parquet(Path("t.parquet"), {"asset_id": ["a"], "references": [["x"]]})
    assert run(["evaluate", "r.parquet", "out", *options]) in {1, 2}
    assert message in capsys.readouterr().err.splitlines()[-1]
