"""Two evaluations compared by the command line: a worse model found, an equal one not, all told."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from easy_vqa import get_test_image_paths, get_test_questions
from scipy.stats import permutation_test

from pipelines.cli import run
from storage.evaluation import pairs
from storage.keys import question_identity, row_keys
from storage.questions import question_id_of
from tests.end_to_end.conftest import RunJson, read_table, write_parquet
from tests.evaluations import commit_evaluation, row_score
from transforms.metrics.interval import interval
from transforms.metrics.poisson_weights import poisson_weights

COLORS = ["red", "blue", "green", "teal"]
SHAPES = ["circle", "triangle", "rectangle"]
ROWS = 120
PICTURES = [str(path) for _, path in sorted(get_test_image_paths().items())]


def evaluated(results: Path, out: Path, *arguments: object) -> Path:
    assert run(["evaluate", str(results), str(out), *map(str, arguments), "--json"]) == 0
    return out


def captions_of(texts: list[str], wrong: float, seed: int) -> list[str]:
    """Captions of which a share has another colour, or lacks the end."""
    random = np.random.default_rng(seed)
    said = []
    for text in texts:
        words = text.split()
        if random.random() < wrong:
            words[1] = str(random.choice(COLORS))
        if random.random() < wrong:
            words = words[:-2]
        said.append(" ".join(words))
    return said


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Evaluations: ``a`` and its equal ``c``, the worse ``b``, and ``part`` of b's rows."""
    folder = tmp_path_factory.mktemp("captioned")
    random = np.random.default_rng(0)
    texts = [
        f"a {random.choice(COLORS)} {random.choice(SHAPES)} on a pale ground" for _ in range(ROWS)
    ]
    ids = [f"{number:03d}" for number in range(ROWS)]
    references = write_parquet(
        folder / "references.parquet",
        {"asset_id": ids, "references": [[text, f"there is {text}"] for text in texts]},
    )
    found = {}
    for name, wrong, seed in (("a", 0.2, 1), ("b", 0.7, 2), ("c", 0.2, 3)):
        columns: dict[str, list[Any]] = {
            "asset_id": ids,
            "text": captions_of(texts, wrong, seed),
            "uri": PICTURES[:ROWS],
            "shelf": [number % 2 for number in range(ROWS)],
        }
        results = write_parquet(folder / f"{name}.parquet", columns)
        arguments = ("--references", references, "--slice-by", "shelf")
        found[name] = evaluated(results, folder / name, *arguments)
        if name == "b":
            some = {key: values[20:] for key, values in columns.items()}
            results = write_parquet(folder / "part.parquet", some)
            found["part"] = evaluated(results, folder / "part", "--references", references)
    return found


def by_slice(done: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["metric"], one["slice"]): one for one in done["differences"]}


def test_a_worse_model_is_found_with_the_numbers_that_others_compute(
    captioned: Mapping[str, Path], run_json: RunJson
) -> None:
    done = run_json("compare", captioned["a"], captioned["b"])
    found = by_slice(done)
    assert (done["kind"], done["rows"]) == ("captions", ROWS)
    assert (done["a"]["alone"], done["b"]["alone"], done["left_out"]) == (0, 0, [])
    rows_a, rows_b = (read_table(captioned[name], "row_scores") for name in "ab")
    scores = {
        name: {(row["metric"], row["slice"]): row for row in _scores(captioned[name])}
        for name in "ab"
    }
    # The metrics of all rows and of slices are those of the evaluations, BLEU too.
    assert set(found) == set(scores["a"])
    for key, one in found.items():
        assert one["a"] == pytest.approx(scores["a"][key]["value"], abs=1e-9)
        assert one["b"] == pytest.approx(scores["b"][key]["value"], abs=1e-9)
        assert one["difference"] == pytest.approx(one["b"] - one["a"], abs=1e-12)
        assert one["verdict"] == "worse"
        assert one["sentence"].startswith(f"B is worse with {one['rows']} rows")
    for place, metric in ((0, "cider_d"), (3, "rouge_l")):
        gains = np.array(
            [b["scores"][place] - a["scores"][place] for a, b in zip(rows_a, rows_b, strict=True)]
        )
        gains[np.abs(gains) < 1e-9] = 0
        one = found[metric, "all"]
        assert (one["wins"], one["losses"]) == ((gains > 0).sum(), (gains < 0).sum())
        assert one["wins"] + one["losses"] + one["ties"] == one["rows"] == ROWS
        # As the evaluation draws rows.
        identities = [question_identity(row["asset_id"], "") for row in rows_a]
        weights = poisson_weights(row_keys(identities, None, b"").identity[:, 0])
        low, high = interval(gains @ weights / weights.sum(axis=0), ROWS)
        assert (one["low"], one["high"]) == pytest.approx((low, high), abs=1e-9)
        error = gains.std(ddof=1) / np.sqrt(ROWS)
        assert one["detectable"] == pytest.approx(2.8016 * error, rel=1e-4)
        needed = ROWS * (2.8016 * error / gains.mean()) ** 2
        assert one["rows_needed"] == pytest.approx(needed, abs=1.1)
    # The examples: losses first by how much, with both texts.
    losses = done["losses"]
    assert len(losses) == 24
    falls = [one["a_score"] - one["b_score"] for one in losses]
    assert falls == sorted(falls, reverse=True)
    texts = {a["asset_id"]: (a["text"], b["text"]) for a, b in zip(rows_a, rows_b, strict=True)}
    assert all(texts[one["asset_id"]] == (one["a_text"], one["b_text"]) for one in losses)
    assert losses[0]["a_uri"] in PICTURES


def _scores(out: Path) -> list[dict[str, Any]]:
    (file,) = out.glob("scores/*/*.parquet")
    rows: list[dict[str, Any]] = pq.ParquetFile(file).read().to_pylist()
    return rows


def test_of_equal_models_it_cannot_tell(
    captioned: Mapping[str, Path], run_json: RunJson, capsys: pytest.CaptureFixture[str]
) -> None:
    found = by_slice(run_json("compare", captioned["a"], captioned["c"]))
    assert {one["verdict"] for one in found.values()} == {"cannot tell"}
    one = found["cider_d", "all"]
    rows_a, rows_c = (read_table(captioned[name], "row_scores") for name in "ac")
    a, c = (np.array([row["scores"][0] for row in rows]) for rows in (rows_a, rows_c))
    expected = permutation_test(
        (c, a),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=9999,
        vectorized=True,
        rng=np.random.default_rng(1),
    )
    assert one["p"] == pytest.approx(expected.pvalue, abs=0.03)
    # Of two slices Holm doubles the smaller p.
    smaller, larger = sorted(
        (found["cider_d", f"shelf={shelf}"] for shelf in (0, 1)), key=lambda one: one["p"]
    )
    assert smaller["p_adjusted"] == pytest.approx(min(2 * smaller["p"], 1))
    assert larger["p_adjusted"] == pytest.approx(max(larger["p"], smaller["p_adjusted"]))
    assert run(["compare", str(captioned["a"]), str(captioned["c"])]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^cider_d  Cannot tell with 120 rows: .* rows show one of", said, re.M)
    assert re.search(r"^cider_d  2 slices: cannot tell in 2\.$", said, re.M)
    assert "--to compare.html" in said


def test_rows_of_one_alone_are_told_and_cider_is_weighed_by_those_of_both(
    captioned: Mapping[str, Path],
    run_json: RunJson,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    done = run_json("compare", captioned["a"], captioned["part"])
    assert (done["rows"], done["a"]["alone"], done["b"]["alone"]) == (ROWS - 20, 20, 0)
    assert done["a"]["first_alone"] == ["000", "001", "002", "003", "004"]
    assert done["slices_left_out"] == ["shelf"]
    assert done["weighed_anew"]
    found = by_slice(done)
    # B's own evaluation has just these rows, and so their weights.
    for row in _scores(captioned["part"]):
        assert found[row["metric"], "all"]["b"] == pytest.approx(row["value"], abs=1e-9)
    # Two of A's rows are those of B: where nothing differs, nothing is found.
    same = by_slice(run_json("compare", captioned["b"], captioned["part"]))
    assert all(one["difference"] == pytest.approx(0, abs=1e-9) for one in same.values())
    assert same["cider_d", "all"]["p"] == 1
    page = tmp_path / "page.html"
    assert run(["compare", str(captioned["b"]), str(captioned["part"]), "--to", str(page)]) == 0
    said = capsys.readouterr().out
    assert "Only A has 20 rows, of 000, 001, 002, 003, 004, .... They are left out." in said
    assert "Only one of them is sliced by shelf" in said
    assert "the scores are the same on each" in said
    assert f"Open the page: {page}" in said
    assert "There is no such row." in page.read_text()


def test_however_rows_are_parted(
    captioned: Mapping[str, Path], run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_json("compare", captioned["a"], captioned["c"])
    monkeypatch.setattr(pairs, "_ROWS_PER_PART", 17)
    monkeypatch.setattr(pairs, "_ROWS_AT_ONCE", 5)
    parted = run_json("compare", captioned["a"], captioned["c"])
    for one, other in zip(whole["differences"], parted["differences"], strict=True):
        assert {**one, "sentence": ""} == pytest.approx({**other, "sentence": ""}, abs=1e-9)
    assert parted["wins"] == whole["wins"]


def test_of_answers_the_slice_where_one_is_worse(tmp_path: Path, run_json: RunJson) -> None:
    """Half of B's answers about shapes are wrong; all else is as good, in other places."""
    questions = list(zip(*get_test_questions(), strict=True))[:900]
    random = np.random.default_rng(7)
    outs = []
    for name in "ab":
        answers = []
        for _, answer, _ in questions:
            share = 0.5 if name == "b" and answer in SHAPES else 0.1
            answers.append("nothing" if random.random() < share else answer)
        results = write_parquet(
            tmp_path / f"{name}.parquet",
            {
                "asset_id": [f"{number:04d}.png" for _, _, number in questions],
                "question": [text for text, _, _ in questions],
                "text": answers,
                "uri": [PICTURES[number] for _, _, number in questions],
            },
        )
        out = tmp_path / name
        outs.append(evaluated(results, out, "--benchmark", "easy-vqa", "--slice-by", "answer_type"))
    page = tmp_path / "page.html"
    done = run_json("compare", *outs, "--to", page)
    found = by_slice(done)
    verdicts = {name: found["exact_match", name]["verdict"] for _, name in found}
    assert verdicts == {
        "all": "worse",
        "answer_type=shape": "worse",
        "answer_type=color": "cannot tell",
        "answer_type=yes/no": "cannot tell",
    }
    # One answer a question: there is no VQA accuracy, and no question is unanswerable.
    assert {metric for metric, _ in found} == {"exact_match"}
    assert done["examples_by"] == "exact_match"
    text = page.read_text()
    for one in done["losses"]:
        question = next(
            text for text, _, _ in questions if question_id_of(text) == one["question_id"]
        )
        assert one["question"] == question
        assert question in text
    assert text.count('<img src="data:image/jpeg') == len(done["losses"]) + len(done["wins"])


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a comparison that is refused; gives its one complaint."""

    def call(*arguments: object) -> str:
        capsys.readouterr()
        assert run(["compare", *map(str, arguments)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert len(said.err.splitlines()) == 1
        return said.err

    return call


def test_what_cannot_be_compared_is_refused_in_a_sentence(tmp_path: Path, complaint: Any) -> None:
    rows = [row_score(name, {"cider_d": 1.0}) for name in "xyz"]
    a = commit_evaluation(tmp_path / "a", rows)
    assert "nowhere holds no evaluation" in complaint(a, tmp_path / "nowhere")
    assert "are the same evaluation" in complaint(a, a)
    others = [row_score(name, {"cider_d": 1.0}) for name in "pq"]
    other = commit_evaluation(tmp_path / "other", others)
    assert "no row in common: assets begin with 'x' in the one and with 'p'" in complaint(a, other)
    changed = [row_score("x", {"cider_d": 1.0}, references=("other",)), *rows[1:]]
    other = commit_evaluation(tmp_path / "changed", changed)
    assert "1 of 3 rows were compared with other references" in complaint(a, other)
    answers = commit_evaluation(tmp_path / "answers", rows, kind="answers")
    assert "of captions, and" in complaint(a, answers)
    strange = [row_score(name, {"strange": 1.0}) for name in "xyz"]
    other = commit_evaluation(tmp_path / "strange", strange)
    assert "no metric of rows in common" in complaint(a, other)
    b = commit_evaluation(tmp_path / "b", rows)
    assert "Rows have no rouge_l. Name one of cider_d" in complaint(a, b, "--by", "rouge_l")
    assert "holds no evaluation 7. The newest are: 2026" in complaint(a, b, "--run-b", "7")
    assert "There is no folder" in complaint(a, b, "--to", tmp_path / "no" / "page.html")
    assert "B is missing: calumma compare A B" in complaint(a)
    # Of an older schema, and of no evaluation at all.
    (file,) = (tmp_path / "b").glob("row_scores/*/*.parquet")
    table = pq.ParquetFile(file).read()
    pq.write_table(
        table.drop_columns(["slices"]).replace_schema_metadata({"calumma.schema_version": "0"}),
        file,
    )
    assert "schema 0 of Calumma and lacks slices" in complaint(a, b)
    file.write_bytes(b"no Parquet")
    assert "cannot be read" in complaint(a, b)


def test_one_row_equal_rows_and_rows_without_a_score(tmp_path: Path, run_json: RunJson) -> None:
    def compared(
        name: str, first: list[float], second: list[float]
    ) -> dict[tuple[str, str], dict[str, Any]]:
        outs = [
            commit_evaluation(
                tmp_path / f"{name}-{side}",
                [row_score(f"{place}", {"rouge_l": value}) for place, value in enumerate(values)],
            )
            for side, values in (("a", first), ("b", second))
        ]
        return by_slice(run_json("compare", *outs))

    one = compared("single", [0.2], [0.5])["rouge_l", "all"]
    assert (one["low"], one["p"], one["detectable"]) == (None, None, None)
    assert one["sentence"].startswith("Cannot tell with 1 row: ")
    one = compared("same", [0.2] * 40, [0.2] * 40)["rouge_l", "all"]
    assert (one["p"], one["wins"], one["ties"], one["rows_needed"]) == (1, 0, 40, None)
    assert (one["low"], one["high"]) == (0, 0)
    # All rows better by the same: surely better, though the rows say nothing of their spread.
    one = compared("shifted", [0.2] * 40, [0.3] * 40)["rouge_l", "all"]
    assert one["verdict"] == "better"
    nan = float("nan")
    one = compared("holes", [0.1, nan, 0.3, nan] * 10, [0.3, 0.5, nan, nan] * 10)["rouge_l", "all"]
    assert (one["rows"], one["wins"]) == (10, 10)
    assert one["difference"] == pytest.approx(0.2)
    assert not {"cider_d", "exact_match"} & {metric for metric, _ in compared("x", [nan], [nan])}


def test_an_older_run_of_the_same_folder(tmp_path: Path, run_json: RunJson) -> None:
    out = tmp_path / "out"
    for value in (0.1, 0.6):
        rows = [row_score(f"{place}", {"rouge_l": value}) for place in range(40)]
        commit_evaluation(out, rows)
    runs = sorted(path.name.partition("=")[2] for path in out.glob("row_scores/run=*"))
    done = run_json("compare", out, out, "--run-a", runs[0])
    assert [done[side]["run_id"] for side in "ab"] == runs
    assert by_slice(done)["rouge_l", "all"]["difference"] == pytest.approx(0.5)
    assert json.dumps(done)
