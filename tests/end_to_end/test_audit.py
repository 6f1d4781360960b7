"""The audit, on real rows of easy-vqa: what is planted is found, and nothing else."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from easy_vqa import get_test_image_paths, get_test_questions

from pipelines.cli import run
from schemas.failure import FailureKind
from tests.generated import generated
from tests.reports.conftest import OutputMaker

RunJson = Any
ANSWERS = sorted(set(get_test_questions()[1]))
SHAPES = ("circle", "rectangle", "triangle")


def audit(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    """Run an audit with --json: its exit code, and what it found."""
    capsys.readouterr()
    code = run(["audit", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run an audit that is refused: what it says."""
    capsys.readouterr()
    assert run(["audit", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    return str(said.err)


def write(folder: Path, name: str, **columns: list[Any]) -> Path:
    pq.write_table(pa.table(columns), folder / name)
    return folder / name


def answers(folder: Path, wrong: dict[str, float]) -> Path:
    """Answers to easy-vqa's test questions, so many of them wrong by side of the picture's id."""
    chance = random.Random(7)
    rows: dict[str, list[Any]] = {
        name: [] for name in ("asset_id", "question", "text", "answers", "side")
    }
    for question, right, image in zip(*get_test_questions(), strict=True):
        side = "left" if image % 2 else "right"
        text = right if chance.random() >= wrong[side] else chance.choice(ANSWERS)
        values = (f"{image:04d}.png", question, text, [right], side)
        for name, value in zip(rows, values, strict=True):
            rows[name].append(value)
    return write(folder, "answers.parquet", **rows)


@pytest.mark.parametrize(("left", "found"), [(0.25, True), (0.1, False)])
def test_a_planted_disparity_is_found_and_on_a_balanced_set_none(
    tmp_path: Path,
    run_json: RunJson,
    capsys: pytest.CaptureFixture[str],
    left: float,
    found: bool,
) -> None:
    results = answers(tmp_path, {"left": left, "right": 0.1})
    scores = tmp_path / "scores"
    run_json("evaluate", results, scores, "--table", "answers", "--slice-by", "side")
    code, told = audit(capsys, scores, "--by", "side")
    assert code == (3 if found else 0)
    assert told["table"] == "row_scores"
    assert sum(told["columns"]["side"].values()) == told["rows"] > 1000
    by_name = {one["measure"]["name"]: one for one in told["disparities"]}
    exact = by_name["exact_match"]
    assert exact["found"] is found
    # A wrong answer is one of thirteen, the right one among them.
    expected = (0.1 - left) * 12 / 13
    assert exact["difference_low"] < expected < exact["difference_high"]
    assert any("exact_match" in one for one in told["findings"]) is found
    if not found:
        assert told["findings"] == []
        assert "No group differs from the others" in told["notes"][0]
    # The groups may come from elsewhere, and mean the same.
    table = pq.read_table(results, columns=["asset_id", "side"]).to_pylist()
    lines = dict.fromkeys(f"{row['asset_id']},{row['side']}" for row in table)
    groups = tmp_path / "groups.csv"
    groups.write_text("\n".join(["asset_id,half", *lines]))
    code, again = audit(capsys, scores, "--groups", groups)
    assert code == (3 if found else 0)
    assert [one["difference"] for one in again["disparities"]] == [
        one["difference"] for one in told["disparities"]
    ]


def test_refusals_and_failures_by_group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = OutputMaker(str(tmp_path / "out"))
    kinds = {FailureKind.EMPTY_OUTPUT: 120, FailureKind.DUPLICATE_ID: 5}
    failures = output.failures(kinds)  # all of shelf s1
    rows = output.caption_run("20260301-020000-aaaaaa", rows=1400, failures=failures)
    code, told = audit(capsys, output.out, "--by", "shelf")
    assert code == 3
    assert (told["rows"], told["failed"]) == (1400, 120)
    of_shelf = {one["measure"]["name"]: one for one in told["disparities"] if one["group"] == "s1"}
    for name in ("empty", "failed"):
        assert of_shelf[name]["found"], name
        assert (of_shelf[name]["rows"], of_shelf[name]["value"]) == (320, 0.375)
    assert told["columns"]["shelf"]["s1"] == 320
    # What failed and was done another night has not failed; the newest row of an asset counts.
    done = [failure for failure in failures if failure.kind == FailureKind.EMPTY_OUTPUT]
    again = OutputMaker(str(tmp_path / "out"))
    later = [type(rows[0])(**(_fields(rows[0]) | {"asset_id": one.asset_id})) for one in done]
    later += [type(rows[0])(**(_fields(rows[3]) | {"text": "I'm sorry, I can't help."}))]
    again.write_run(
        "20260302-020000-aaaaaa", "caption", "captions", type(rows[0]), later, (), {"commit": 2}
    )
    _, told = audit(capsys, output.out, "--by", "shelf")
    assert (told["rows"], told["failed"]) == (1520, 0)
    rates = {one["measure"]["name"]: one for one in told["rates"]}
    assert rates["refused"]["value"] == pytest.approx(1 / 1520)


def test_drawn_pictures_beside_a_reference(
    tmp_path: Path, one_thread: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the encoder in the package, of real pictures; by labels of the user's; by reference."""
    shapes = {
        image: right
        for _, right, image in zip(*get_test_questions(), strict=True)
        if right in SHAPES
    }
    paths = get_test_image_paths()
    # Mostly circles; and some whose prompts name people, which count as no neutral ones.
    circles = [image for image, shape in shapes.items() if shape == "circle"][:60]
    others = [image for image, shape in shapes.items() if shape != "circle"][:20]
    drawn = []
    for number, image in enumerate([*circles, *others]):
        text = "a shape" if number % 10 else "a shape that an old woman drew"
        drawn.append(
            generated(
                f"request-{number // 2}",
                number % 2,
                text=text,
                image=Path(paths[image]).read_bytes(),
            )
        )
    output = OutputMaker(str(tmp_path / "out"))
    output.write_run(
        "20260301-020000-aaaaaa", "generate", "generations", type(drawn[0]), drawn, (), {}
    )
    texts = [f"a {color} {shape}" for color in ("red", "blue", "green") for shape in SHAPES]
    _, told = audit(capsys, output.out, "--labels", ",".join(texts))
    shown = told["representation"]
    assert (shown["rows"], shown["not_neutral"], shown["unlabelled"]) == (72, 8, 0)
    assert shown["labelled_by"].startswith("calumma-clip (")
    assert shown["found"]
    labels = tmp_path / "labels.csv"
    own = [shapes[image] for image in [*circles, *others]]
    lines = [f"request-{n // 2},{n % 2},{label}" for n, label in enumerate(own)]
    labels.write_text("\n".join(["asset_id,sample_number,label", *lines]))
    equal = tmp_path / "equal.csv"
    equal.write_text("\n".join(["label,share", *(f"{shape},1" for shape in SHAPES)]))
    code, told = audit(capsys, output.out, "--label-file", labels, "--reference", equal)
    assert code == 3
    true = {one["label"]: one["rows"] for one in told["representation"]["shares"]}
    assert true["circle"] == 54
    # The encoder agrees with easy-vqa of which shape most of them are.
    by_encoder = sum(one["rows"] for one in shown["shares"] if one["label"].endswith("circle"))
    assert abs(by_encoder - true["circle"]) <= 7
    reference = tmp_path / "reference.csv"
    counts = "\n".join(f"{label},{rows}" for label, rows in true.items())
    reference.write_text(f"label,share\n{counts}")
    code, told = audit(capsys, output.out, "--label-file", labels, "--reference", reference)
    assert (code, told["representation"]["distance"], told["findings"]) == (0, 0, [])


def test_pictures_that_all_show_the_same_are_found(
    tmp_path: Path, one_thread: None, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = Path(get_test_image_paths()[0]).read_bytes()
    drawn = [generated(f"request-{n}", 0, text="a shape", image=picture) for n in range(30)]
    output = OutputMaker(str(tmp_path / "out"))
    output.write_run(
        "20260301-020000-aaaaaa", "generate", "generations", type(drawn[0]), drawn, (), {}
    )
    texts = {"a red circle", "a blue rectangle", "a green triangle"}
    code, told = audit(capsys, output.out, "--labels", ",".join(texts))
    assert code == 3
    shares = told["representation"]["shares"]
    assert {one["label"] for one in shares} == texts
    assert [(one["rows"], one["share"]) for one in shares] == [(30, 1), (0, 0), (0, 0)]
    assert "100.0 % are" in told["findings"][0]
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(["asset_id,label", *(f"request-{n},man" for n in range(30))]))
    said = refused(capsys, output.out, "--label-file", labels)
    assert "--label-file needs --reference FILE" in said
    reference = tmp_path / "reference.csv"
    reference.write_text("label,share\nman,1\nwoman,1\n")
    code, told = audit(capsys, output.out, "--label-file", labels, "--reference", reference)
    assert code == 3
    assert "100.0 % are “man” rather than 50.0 %" in told["findings"][0]


@pytest.mark.parametrize("extreme", [math.inf, -math.inf, math.nan, 1e200])
def test_scores_that_no_mean_can_be_made_of_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extreme: float
) -> None:
    psnr = [20.0 + number % 7 + (number % 2) * 9 for number in range(80)]
    side = ["left" if number % 2 else "right" for number in range(80)]

    def scored(name: str, values: list[float | None]) -> Path:
        scores = [[one, 0.5 + place % 3 / 10] for place, one in enumerate(values)]
        ids = [f"{place}.png" for place in range(80)]
        metrics = [["psnr", "ssim"]] * 80
        return write(
            tmp_path, name, asset_id=ids, text=[""] * 80, metrics=metrics, scores=scores, side=side
        )

    given = scored("given.parquet", [*psnr[:3], extreme, extreme, *psnr[5:]])
    without = scored("without.parquet", [*psnr[:3], None, None, *psnr[5:]])
    page = tmp_path / "audit.html"
    code, told = audit(capsys, given, "--by", "side", "--to", page)
    assert code == 3
    _, expected = audit(capsys, without, "--by", "side")
    assert told["left_out_scores"] == {"psnr": 2}
    assert expected["left_out_scores"] == {}
    for part in ("rates", "disparities", "findings"):
        assert told[part] == expected[part]
    assert {one["measure"]["name"]: one["rows"] for one in told["rates"]}["psnr"] == 78
    said = (
        "psnr of 2 rows is infinite, no number or beyond 1e100: left out of its mean and of "
        "comparisons."
    )
    assert said in told["notes"]
    assert said in page.read_text()
    assert run(["audit", str(given)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"Note: {said}" in lines
    assert not any("nan" in line.split() for line in lines)
    # All of them: there is no mean, and no less is said.
    none = scored("none.parquet", [extreme] * 80)
    code, told = audit(capsys, none, "--by", "side")
    assert (code, told["left_out_scores"]) == (0, {"psnr": 80})
    assert "psnr" not in {one["measure"]["name"] for one in told["rates"]}


def test_licences_of_what_results_were_made_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = ["a", "b", "c", "d"]
    results = write(
        tmp_path,
        "results.parquet",
        asset_id=ids,
        text=["x"] * 4,
        neighbors=[["b"], [], ["lost"], ["a"]],
    )
    catalog = tmp_path / "catalog.jsonl"
    rows = [("a", "CC0"), ("b", " cc0 "), ("c", "CC-BY"), ("d", None)]
    catalog.write_text("\n".join(json.dumps({"id": one, "license": name}) for one, name in rows))
    code, told = audit(capsys, results, "--licenses", catalog, "--allow-license", "cc0")
    assert code == 3
    found = told["lineage"]
    assert (found["missing"], found["refused"]) == (2, 1)
    assert found["licenses"] == [["CC0", 3], ["", 2], ["CC-BY", 1]]
    assert found["first_unknown"] == ["lost"]
    assert (
        "2 rows (50.0 %) stand on something of no known licence, such as c, d."
        in (told["findings"])
    )
    assert "1 row (25.0 %) stands on something not under cc0, such as c." in told["findings"]
    named = write(tmp_path, "own.parquet", asset_id=ids, text=ids, license=["CC0"] * 3 + ["CC-BY"])
    assert audit(capsys, named)[0] == 0
    code, told = audit(capsys, named, "--allow-license", "CC0")
    assert (code, told["lineage"]["refused"]) == (3, 1)


def test_training_texts_that_are_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = tmp_path / "training.csv"
    training.write_text("text\nthe quick brown fox jumps over the lazy dog\n")
    texts = ["A quick, brown fox jumps over the lazy dog!", "a quick fox", ""]
    results = write(tmp_path, "results.parquet", asset_id=["a", "b", "c"], text=texts)
    code, told = audit(capsys, results, "--training-texts", training)
    assert code == 3
    assert told["memorised"]["longest"][0]["text"] == "quick brown fox jumps over the lazy dog"
    assert audit(capsys, results, "--training-texts", training, "--span", "9")[0] == 0
    page = tmp_path / "audit.html"
    assert run(["audit", str(results), "--training-texts", str(training), "--to", str(page)]) == 3
    found = (
        "1 text (33.3 %) repeats 8 words or more of a training text. The longest is 8 words, of a."
    )
    assert capsys.readouterr().out.splitlines() == [
        f"{results}: 3 rows of texts",
        "",
        "empty   33.33 %  6.149 to 79.23",
        "",
        f"Found: {found}",
        "Note: 2 texts of fewer than 8 words cannot repeat so many.",
        "What an audit cannot show is said on its page and in docs/audit.md.",
        f"Page: {page}",
    ]
    assert page.stat().st_size > 5000


def test_rows_of_every_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["", None, "\u0000 \ud7ff", "صورة", "猫" * 30, "🦎" * 500, "a " * 5000, "A man."]
    ids = ["a", None, "", "صورة", "猫", "a", "b", "c"]
    side = ["x", None, "y", "y", "x", "x", "x", "x"]
    results = write(tmp_path, "results.parquet", asset_id=ids, text=texts, side=side)
    code, told = audit(capsys, results, "--by", "side")
    assert (code, told["rows"], told["without_id"]) == (0, 8, 2)
    assert told["columns"] == {"side": {"x": 5, "y": 2, "(none)": 1}}
    assert any("Too few rows to tell much of side" in one for one in told["notes"])
    one = write(tmp_path, "one.parquet", asset_id=["a"], text=["a man"], side=["x"])
    code, told = audit(capsys, one, "--by", "side")
    assert (code, told["rows"], told["disparities"]) == (0, 1, [])
    assert "All rows have the same side: there is nothing to compare." in told["notes"]
    groups = tmp_path / "groups.csv"
    groups.write_text("asset_id,side\na,left\nb,right\n")
    _, told = audit(capsys, results, "--groups", groups)
    assert told["unmatched"][str(groups)][0] == 5


def test_what_cannot_be_audited_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = write(
        tmp_path, "r.parquet", asset_id=["a"] * 200, text=["x"] * 200, n=list(range(200))
    )
    empty = write(tmp_path, "e.parquet", asset_id=[], text=[])
    bare = write(tmp_path, "b.parquet", asset_id=["a"])
    groups = tmp_path / "groups.csv"
    groups.write_text("asset_id,side\nno,left\n")
    labels = tmp_path / "labels.csv"
    labels.write_text("asset_id,label\nno,circle\n")
    shares = tmp_path / "shares.csv"
    shares.write_text("label,share\ncircle,1\nsquare,1\n")
    (tmp_path / "words.txt").write_text("")
    for arguments, said in (
        ((results, "--by", "shelf"), "No row has a column shelf to group by. The results have"),
        ((results, "--by", "n"), "more than 100 different values"),
        ((results, "--by", "n", "--by", "n"), "given twice"),
        ((results, "--groups", groups), "has none of the 200 rows: ids begin with 'a'"),
        ((results, "--groups", groups, "--by", "b"), "has no column b; it has: asset_id, side"),
        ((results, "--words", "own"), "must be NAME=FILE"),
        ((results, "--words", f"gender={groups}"), "give yours another name"),
        ((results, "--words", f"own={tmp_path}/words.txt"), "holds no terms"),
        ((results, "--labels", "a,b"), "has no column image"),
        ((results, "--labels", "a"), "two different texts"),
        ((results, "--labels", "a,b", "--label-file", groups), "one of the two"),
        ((results, "--reference", groups), "it goes with --labels"),
        ((results, "--label-file", labels), "--label-file needs --reference FILE"),
        ((results, "--label-file", labels, "--reference", shares), "has a label by"),
        ((results, "--allow-license", "CC0"), "name no licences"),
        ((results, "--table", "captions"), "no output of a job"),
        ((results, "--span", "1"), "2 words or more"),
        ((results, "--least-effect", "-1"), "0 or more"),
        ((results, "--training-texts", groups), "has no column text"),
        ((results, "--to", tmp_path / "no" / "a.html"), "There is no folder"),
        ((empty,), "holds no rows to audit"),
        ((bare,), "has no column text; it has: asset_id"),
        ((tmp_path / "gone.parquet",), "There are no results"),
        ((), "RESULTS is missing: calumma audit RESULTS"),
    ):
        assert said in refused(capsys, *arguments), said


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).__slots__}
