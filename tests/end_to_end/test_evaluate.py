"""Evaluation by the command line: scores as the field's own code has them, all rows told of."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from easy_vqa import get_test_questions
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

import calumma
from pipelines.cli import run
from schemas.description import Answer, Caption
from storage.evaluation import matched
from storage.questions import question_id_of
from storage.store import open_store
from tests.end_to_end.conftest import RunJson, read_table, write_parquet
from tests.oracles.cider import plain_cider
from tests.oracles.vqa import accuracy
from tests.storage.committed_rows import commit_rows
from tests.storage.rows import caption
from transforms import score_results
from transforms.metrics.ptb_tokenizer import tokenize

WORDS = ["a", "red", "blue", "circle", "square", "on", "the", "left", "(big)", "isn't", "犬", "É."]


def texts(count: int, seed: int) -> list[str]:
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(WORDS, draw.integers(0, 9))) for _ in range(count)]


def some_captions(folder: Path, count: int = 50) -> tuple[Path, Path, list[str], list[list[str]]]:
    """Results and references as Parquet files, and what is in them."""
    candidates = texts(count, 1)
    references = [
        [text or "a" for text in texts(1 + number % 4, 100 + number)] for number in range(count)
    ]
    ids = [f"{number:03d}" for number in range(count)]
    results = write_parquet(
        folder / "results.parquet",
        {"asset_id": ids, "text": candidates, "shelf": [number % 3 for number in range(count)]},
    )
    # In another order, and with more than is asked for.
    order = np.random.default_rng(2).permutation(count)
    file = folder / "references.parquet"
    pq.write_table(
        pa.table(
            {
                "asset_id": [*(ids[place] for place in order), "more"],
                "references": [*(references[place] for place in order), ["a"]],
            }
        ),
        file,
    )
    return results, file, candidates, references


def by_metric(done: dict[str, Any], name: str = "all") -> dict[str, dict[str, Any]]:
    return {score["metric"]: score for score in done["scores"] if score["slice"] == name}


def oracle(candidates: list[str], references: list[list[str]]) -> dict[str, float]:
    """pycocoevalcap's scores of tokenized texts, and CIDEr by its formula."""
    results = {number: [tokenize(text)] for number, text in enumerate(candidates)}
    truth = {number: list(map(tokenize, some)) for number, some in enumerate(references)}
    bleu, _ = Bleu(4).compute_score(truth, results, verbose=0)
    cider_d, _ = Cider().compute_score(truth, results)
    rouge, _ = Rouge().compute_score(truth, results)
    plain = plain_cider([text for (text,) in results.values()], list(truth.values()))
    return {
        "cider_d": cider_d,
        "cider": float(np.mean(plain)),
        **{f"bleu_{order}": value for order, value in enumerate(bleu, 1)},
        "rouge_l": rouge,
    }


def test_captions_have_the_scores_of_pycocoevalcap(
    tmp_path: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, file, candidates, references = some_captions(tmp_path)
    done = run_json("evaluate", results, tmp_path / "out", "--references", file)
    assert done["counts"] == {"rows_in": 50, "rows_out": 50, "failed": 0, "skipped": 0}
    found = by_metric(done)
    expected = oracle(candidates, references)
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-9), name
        assert found[name]["low"] < value < found[name]["high"]
        assert found[name]["count"] == 50
    assert done["config"]["unmatched"] == 1
    assert done["config"]["first_unmatched"] == ["more"]
    rows = read_table(tmp_path / "out", "row_scores")
    assert [row["text"] for row in rows] == candidates
    assert np.mean([row["scores"][0] for row in rows]) == pytest.approx(expected["cider_d"])
    # However rows are parted, to the last bit; slices too.
    sliced = ("--references", file, "--slice-by", "shelf")
    whole = run_json("evaluate", results, tmp_path / "whole", *sliced)["scores"]
    monkeypatch.setattr(matched, "ROWS_PER_SPLIT", 7)
    monkeypatch.setattr(score_results, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr("storage.evaluation.results._ROWS_AT_ONCE", 7)
    done = run_json("evaluate", results, tmp_path / "parts", *sliced)
    assert done["scores"] == whole
    assert len(done["files"]) == 9
    # The frequencies of a slice's n-grams are those of all rows.
    shelves = [by_metric(done, f"shelf={shelf}") for shelf in range(3)]
    assert sum(one["cider_d"]["value"] * one["cider_d"]["count"] for one in shelves) == (
        pytest.approx(expected["cider_d"] * 50)
    )
    for shelf, one in enumerate(shelves):
        bleu = oracle(candidates[shelf::3], references[shelf::3])["bleu_4"]
        assert one["bleu_4"]["value"] == pytest.approx(bleu, abs=1e-9)
    table = calumma.latest_rows(str(tmp_path / "parts"), "scores").to_pylist()
    assert [row["value"] for row in table] == [score["value"] for score in whole]


def test_every_row_that_has_no_score_has_a_reason(
    tmp_path: Path, run_json: RunJson, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = ["a", "b", "b", "no one", "twice", "empty", None, "long", "bare"]
    answers = ["a cat", "", "a dog", "x", "x", "x", "x", "x" * 200_001, "a cat"]
    results = write_parquet(tmp_path / "r.parquet", {"asset_id": ids, "text": answers})
    rows: list[tuple[str, object]] = [
        ("a", ["a cat"]),
        ("b", ["dogs", ""]),
        ("twice", ["x"]),
        ("twice", ["y"]),
    ]
    rows += [("empty", ["", " "]), ("long", ["x"]), ("bare", "a cat"), ("other", ["x"])]
    file = tmp_path / "references.jsonl"
    file.write_text(
        "".join(json.dumps({"asset_id": one, "references": some}) + "\n" for one, some in rows)
    )
    out = tmp_path / "out"
    assert run(["evaluate", str(results), str(out), "--references", str(file)]) == 0
    said = capsys.readouterr().out
    assert "9 rows in = 3 out + 6 failed + 0 skipped" in said
    assert "Not evaluated: 1 reference without a result, such as of other." in said
    assert "Of fewer than 30 rows an interval is rough" in said
    failures = {
        (row["asset_id"], row["kind"]): row["message"] for row in read_table(out, "failures")
    }
    assert set(failures) == {
        ("b", "duplicate_id"),
        ("no one", "unknown_asset"),
        ("twice", "duplicate_id"),
        ("empty", "invalid_row"),
        ("", "missing_id"),
        ("long", "invalid_row"),
    }
    assert "has no references for asset 'no one'" in failures["no one", "unknown_asset"]
    assert "has 2 rows for asset 'twice'" in failures["twice", "duplicate_id"]
    scored = {row["asset_id"]: row for row in read_table(out, "row_scores")}
    assert scored["b"]["references"] == ["dogs"]
    assert scored["b"]["scores"] == [0, 0, 0, 0]


def test_answers_by_the_rules_of_vqa_and_by_slices(tmp_path: Path, run_json: RunJson) -> None:
    people = [["yes"] * 7 + ["no"] * 3, ["two", "2"] * 5, ["unanswerable"] * 10, ["red"], ["blue"]]
    given = ["Yes.", "2", "unanswerable", "Red", "green"]
    ids = [f"p{number}" for number in range(5)]
    results = write_parquet(
        tmp_path / "r.parquet", {"asset_id": ids, "question_id": ["7"] * 5, "text": given}
    )
    file = tmp_path / "questions.csv"
    kinds = ["yes/no", "number", "other", "other", ""]
    lines = [
        f'{one},7,"{json.dumps(some).replace(chr(34), chr(34) * 2)}",{kind}'
        for one, some, kind in zip(ids, people, kinds, strict=True)
    ]
    file.write_text("\n".join(["asset_id,question_id,answers,answer_type", *lines]))
    done = run_json(
        *("evaluate", results, tmp_path / "out", "--references", file),
        *("--slice-by", "answer_type"),
    )
    found = by_metric(done)
    expected = np.mean([accuracy(*one) for one in zip(given[:3], people[:3], strict=True)])
    assert found["vqa_accuracy"]["value"] == pytest.approx(expected, abs=1e-9)
    assert found["vqa_accuracy"]["count"] == 3
    assert found["exact_match"]["value"] == pytest.approx(4 / 5)
    assert found["unanswerable_f1"]["value"] == pytest.approx(1)
    slices = {score["slice"] for score in done["scores"]}
    assert slices == {"all", *(f"answer_type={kind or '(none)'}" for kind in kinds)}
    single = by_metric(done, "answer_type=number")["vqa_accuracy"]
    assert (single["low"], single["high"], single["count"]) == (None, None, 1)


def test_an_output_is_evaluated_by_its_newest_rows_and_what_its_catalog_held(
    tmp_path: Path, run_json: RunJson
) -> None:
    def rows(count: int, text: str) -> list[Caption]:
        return [
            replace(
                caption("", f"{number:02d}"),
                text=text,
                references=("a red circle", "a circle"),
                attributes=json.dumps({"shelf": ["low", "high"][number % 2], "size": None}),
            )
            for number in range(count)
        ]

    out = tmp_path / "captions"
    store = open_store(str(out))
    commit_rows(store, rows(12, "a blue square"), model="older")
    commit_rows(store, rows(10, "a red circle"), model="newer")
    sliced = ("--slice-by", "shelf", "--slice-by", "size")
    done = run_json("evaluate", out, tmp_path / "one", *sliced)
    assert done["counts"] == {"rows_in": 22, "rows_out": 12, "failed": 0, "skipped": 10}
    assert by_metric(done, "shelf=low")["rouge_l"]["count"] == 6
    assert by_metric(done, "size=(none)")["rouge_l"]["count"] == 12
    assert (done["model"], by_metric(done)["cider"]["model"]) == ("newer", "newer")
    found = {row["asset_id"]: row for row in read_table(tmp_path / "one", "row_scores")}
    assert [row["text"] for row in found.values()].count("a red circle") == 10
    assert (found["11"]["text"], found["11"]["model"]) == ("a blue square", "m")
    # A second evaluation is another run; all rows of the first are in the table beside it.
    again = run_json("evaluate", out, tmp_path / "one")
    assert by_metric(again) == by_metric(done)
    newest = calumma.latest_rows(str(tmp_path / "one"), "row_scores")
    assert len(newest) == 12
    assert len(read_table(tmp_path / "one", "row_scores")) == 24


def test_answers_of_a_benchmark(tmp_path: Path, run_json: RunJson) -> None:
    questions, answers, numbers = get_test_questions()
    asked = list(range(0, len(questions), 50))
    said = [answers[place] if place % 3 else "yes" for place in asked]
    rows = [
        Answer(
            key="",
            asset_id=f"{numbers[place]:04d}.png",
            question_id=question_id_of(questions[place]),
            question=questions[place],
            answers=(),
            uri="",
            prompt="",
            text=text,
            mean_logprob=0.0,
            finish_reason="stop",
            token_count=1,
            neighbors=(),
            sha256="",
            model="m",
            revision="r",
            attributes="{}",
        )
        for place, text in zip(asked, said, strict=True)
    ]
    commit_rows(open_store(str(tmp_path / "answers")), rows)
    done = run_json(
        *("evaluate", tmp_path / "answers", tmp_path / "out", "--benchmark", "easy-vqa"),
        *("--slice-by", "answer_type"),
    )
    right = [text == answers[place] for place, text in zip(asked, said, strict=True)]
    assert done["counts"]["rows_out"] == len(asked)
    assert by_metric(done)["exact_match"]["value"] == pytest.approx(np.mean(right))
    assert done["config"]["unmatched"] == len(questions) - len(asked)
    assert {score["slice"] for score in done["scores"]} == {
        "all",
        *(f"answer_type={name}" for name in ("yes/no", "shape", "color")),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Name what to compare with: --references FILE, or --benchmark NAME"),
        (["--references", "NONE.parquet"], "There is no"),
        (["--references", "OTHER.parquet"], "has no column references and no column answers"),
        (["--references", "LATER.parquet"], "ids begin with 'a' there, and with 'z' in"),
        (["--references", "FILE.parquet", "--slice-by", "shelf"], "No row has a column shelf"),
        (["--references", "FILE.parquet", "--benchmark", "easy-vqa"], "one of the two"),
        (["--benchmark", "vqav2"], "--benchmark vqav2 needs --annotations"),
        (["--benchmark", "vqav2", "--annotations", "."], "holds no file of vqav2's annotations"),
        (["--benchmark", "vqav2", "--annotations", "x.json"], "holds no annotations"),
        (["--annotations", "."], "--annotations needs --benchmark NAME"),
        (["--references", "FILE.parquet", "--table", "answers"], "has no column answers"),
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
    write_parquet(Path("results.parquet"), {"asset_id": ["a"], "text": ["x"]})
    write_parquet(Path("FILE.parquet"), {"asset_id": ["a"], "references": [["x"]]})
    write_parquet(Path("LATER.parquet"), {"asset_id": ["z"], "references": [["x"]]})
    write_parquet(Path("OTHER.parquet"), {"asset_id": ["a"], "text": ["x"]})
    Path("x.json").write_text("{}")
    assert run(["evaluate", "results.parquet", "out", *options]) in {1, 2}
    said = capsys.readouterr().err.splitlines()
    assert message in said[-1]
    assert not list(Path().glob("out/[!_]*"))


@pytest.mark.parametrize(
    ("columns", "metadata", "message"),
    [
        ({"id": ["a"]}, {}, "has no column asset_id and no column text; it has: id"),
        ({"asset_id": ["a"]}, {"calumma.schema_version": "0"}, "was written with schema 0"),
        ({"asset_id": [], "text": []}, {}, "holds no rows to evaluate"),
    ],
)
def test_results_of_another_schema_are_refused(
    columns: dict[str, Any],
    metadata: dict[str, str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = pa.table(columns).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "results.parquet")
    file = write_parquet(tmp_path / "f.parquet", {"asset_id": ["a"], "references": [["x"]]})
    command = ["evaluate", str(tmp_path / "results.parquet"), str(tmp_path / "out")]
    assert run([*command, "--references", str(file)]) in {1, 2}
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("table", "most"), [("neighbors", 100), ("captions", 1000)])
def test_slices_are_as_many_as_fit_into_memory(
    table: str, most: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [str(number) for number in range(most + 1)]
    lists = [["x"]] * len(ids)
    found = {"neighbor_ids": lists} if table == "neighbors" else {"text": ["x"] * len(ids)}
    write_parquet(tmp_path / "r.parquet", {"asset_id": ids, **found, "of": ids})
    write_parquet(tmp_path / "f.parquet", {"asset_id": ids, "references": lists})
    command = ["evaluate", str(tmp_path / "r.parquet"), str(tmp_path / "out"), "--table", table]
    command += ["--references", str(tmp_path / "f.parquet"), "--slice-by", "of"]
    assert run(command) in {1, 2}
    assert f"more than {most} slices: of has too many values" in capsys.readouterr().err
