"""Filters by the command line: verdicts, what is judged again, and what other jobs make of it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from easy_vqa import get_test_image_paths
from PIL import Image
from transformers import AutoProcessor, CLIPModel

import calumma
from models.source import DEFAULT_ENCODER, resolve_encoder
from pipelines.cli import run
from schemas.asset import normal_license
from tests.end_to_end.conftest import RunJson, read_table, write_parquet

TEXTS = ("a red circle", "a blue triangle", "", "a", "a big green rectangle", "a blocked word")
LICENSES = ("CC0", "cc-by 4.0", "", "All rights reserved")
PICTURES = [str(path) for _, path in sorted(get_test_image_paths().items())]


def columns(count: int = 24) -> dict[str, Any]:
    """A catalog of pictures with texts and licences of all kinds."""
    return {
        "id": [f"{number:02d}" for number in range(count)],
        "uri": PICTURES[:count],
        "text": [TEXTS[number % len(TEXTS)] for number in range(count)],
        "license": [LICENSES[number % len(LICENSES)] for number in range(count)],
        "shelf": list(range(count)),
    }


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write_parquet(tmp_path / "catalog.parquet", columns())


def kept(out: Path) -> set[str]:
    rows = calumma.latest_rows(str(out), "verdicts").to_pylist()
    return {row["asset_id"] for row in rows if row["kept"]}


def counts(out: int, skipped: int = 0, failed: int = 0) -> dict[str, int]:
    return {
        "rows_in": out + skipped + failed,
        "rows_out": out,
        "failed": failed,
        "skipped": skipped,
    }


def test_each_row_has_a_verdict_with_all_reasons(tmp_path: Path, run_json: RunJson) -> None:
    data = columns()
    wide = tmp_path / "wide.png"
    Image.new("RGB", (300, 80), "red").save(wide)
    data["uri"][4:7] = [str(wide), None, str(tmp_path / "gone.png")]
    catalog = write_parquet(tmp_path / "catalog.parquet", data)
    (tmp_path / "allowed.txt").write_text("# ours\nCC-BY 4.0\n\n")
    (tmp_path / "blocked.txt").write_text("blocked word\n")
    out = tmp_path / "out"
    done = run_json(
        *("filter", catalog, out, "--license", "cc0", "--licenses", tmp_path / "allowed.txt"),
        *("--min-words", 2, "--blocked-words", tmp_path / "blocked.txt"),
        *("--min-width", 64, "--max-aspect-ratio", 3, "--min-clip-score", 0.24),
    )
    assert done["counts"] == counts(23, failed=1)
    (failure,) = read_table(out, "failures")
    assert (failure["asset_id"], failure["kind"]) == ("06", "not_found")
    folder = resolve_encoder(DEFAULT_ENCODER).folder
    model = CLIPModel.from_pretrained(folder)
    processor = AutoProcessor.from_pretrained(folder)  # type: ignore[no-untyped-call]
    rows = {row["asset_id"]: row for row in read_table(out, "verdicts")}
    scored = 0
    for place, name in enumerate(data["id"]):
        if name == "06":
            assert name not in rows
            continue
        row, text = rows[name], data["text"][place]
        expected = set()
        if normal_license(data["license"][place]) not in {"cc0", "cc-by 4.0"}:
            expected.add("licenses")
        if len(text.split()) < 2:
            expected.add("min_words")
        if text == "a blocked word":
            expected.add("blocked_words")
        if data["uri"][place] is None:
            expected |= {"min_width", "max_aspect_ratio"}
            assert (row["width"], row["height"]) == (None, None)
        else:
            with Image.open(data["uri"][place]) as picture:
                assert (row["width"], row["height"]) == picture.size
                if max(picture.size) > 3 * min(picture.size):
                    expected.add("max_aspect_ratio")
        if data["uri"][place] is None or not text:
            expected.add("min_clip_score")
            assert row["clip_score"] is None
        elif expected:
            assert row["clip_score"] is None
            assert row["not_judged"] == ["min_clip_score"]
        else:
            scored += 1
            with Image.open(data["uri"][place]) as picture, torch.no_grad():
                given = processor(text=[text], images=picture.convert("RGB"), return_tensors="pt")
                made = model(**given)
            cosine = float((made.image_embeds @ made.text_embeds.T)[0, 0])
            assert row["clip_score"] == pytest.approx(cosine, abs=1e-4)
            assert abs(cosine - 0.24) > 1e-4
            assert row["not_judged"] == []
            assert (row["model"], len(row["revision"])) == ("calumma-clip", 23)
            if cosine < 0.24:
                expected.add("min_clip_score")
        assert set(row["reasons"]) == expected
        assert row["kept"] == (not expected)
        assert (row["words"], row["characters"]) == (len(text.split()), len(text))
        assert row["license"] == data["license"][place]
        assert row["attributes"] == f'{{"shelf": {place}}}'
    assert scored >= 4
    found = done["verdicts"]
    assert (found["judged"], found["kept"]) == (23, sum(row["kept"] for row in rows.values()))
    assert 0 < found["kept"] < scored
    assert sum(found["scores"].values()) == scored


def test_what_is_judged_again(catalog: Path, tmp_path: Path, run_json: RunJson) -> None:
    out = tmp_path / "out"

    def judge(*rules: object) -> tuple[int, set[str], int]:
        done = run_json("filter", catalog, out, *rules)
        assert done["counts"]["failed"] == 0
        assert not done["model_loads"]
        return done["counts"]["rows_out"], kept(out), done["verdicts"]["kept"]

    cc0 = {f"{number:02d}" for number in range(0, 24, 4)}
    assert judge("--license", "CC0") == (24, cc0, 6)
    assert judge("--license", " cc0 ") == (0, cc0, 6)
    # A licence that is corrected, and corrected back: only that row.
    data = columns()
    data["license"][0] = "All rights reserved"
    write_parquet(catalog, data)
    assert judge("--license", "CC0") == (1, cc0 - {"00"}, 5)
    write_parquet(catalog, columns())
    assert judge("--license", "CC0") == (1, cc0, 6)
    # Of what no rule looks at, a change is none.
    write_parquet(catalog, {**columns(), "text": ["other"] * 24, "shelf": ["other"] * 24})
    assert judge("--license", "CC0") == (0, cc0, 6)
    write_parquet(catalog, columns())
    # Other rules judge all, and so do the first ones again; new rows alone are done each night.
    long = {f"{number:02d}" for number in range(24) if len(TEXTS[number % 6].split()) >= 3}
    assert judge("--min-words", 3) == (24, long, len(long))
    assert judge("--license", "CC0") == (24, cc0, 6)
    write_parquet(catalog, columns(30))
    more = cc0 | {"24", "28"}
    assert judge("--license", "CC0") == (6, more, 8)


def test_other_jobs_do_what_all_lists_keep(
    catalog: Path, tmp_path: Path, run_json: RunJson
) -> None:
    licensed, sized = tmp_path / "licensed", tmp_path / "sized"
    assert run_json("filter", catalog, licensed, "--license", "CC0")["counts"] == counts(24)
    # A filter takes lists too: what is left out is not looked at again.
    done = run_json("filter", catalog, sized, "--min-width", 32, "--keep", licensed)
    assert done["counts"] == counts(6, skipped=18)
    texts = tmp_path / "texts"
    run_json("filter", catalog, texts, "--pattern", "triangle|circle")
    out = tmp_path / "out"
    done = run_json("structure", catalog, out, "--keep", licensed, "--keep", texts)
    expected = kept(licensed) & kept(texts)
    assert 0 < len(expected) < 6
    assert {row["asset_id"] for row in read_table(out, "structures")} == expected
    assert done["counts"] == counts(len(expected), skipped=24 - len(expected))
    # Another list is another run of what is left.
    done = run_json("structure", catalog, out, "--keep", sized)
    assert done["counts"] == counts(6 - len(expected), skipped=18 + len(expected))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "A filter needs a rule, such as --licenses FILE"),
        (["--min-words", "3", "--max-words", "2"], "No text has at least 3 and at most 2 words"),
        (["--min-characters", "9", "--max-characters", "8"], "at least 9 and at most 8 characters"),
        (["--min-words", "0"], "--min-words must be at least 1, not 0"),
        (["--max-non-letters", "1.5"], "--max-non-letters must be at least 0 and at most 1"),
        (["--max-aspect-ratio", "0.5"], "--max-aspect-ratio must be at least 1, not 0.5"),
        (["--min-clip-score", "2"], "--min-clip-score must be at least -1 and at most 1, not 2"),
        (["--pattern", "(a"], "--pattern is no regular expression: missing )"),
        (["--license", " "], "A licence is empty"),
        (["--licenses", "NONE"], "There is no file of licences NONE"),
        (["--licenses", "EMPTY"], "The list of licences EMPTY is empty"),
        (["--blocked-words", "NONE"], "There is no file of blocked words NONE"),
        (["--required-words", "EMPTY"], "The list of required words EMPTY is empty"),
        (["--required-words", "SIGNS"], "Line 1 of the required words holds no word: '!!'"),
        (["--min-clip-score", "0.3", "--model", "nowhere/"], "nowhere"),
        (["--min-words", "1", "--keep", "NONE"], "holds no keep-list"),
    ],
)
def test_impossible_rules_are_refused_before_anything_is_written(
    options: list[str],
    message: str,
    catalog: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("EMPTY").write_text("# nothing\n\n")
    Path("SIGNS").write_text("!!\n")
    assert run(["filter", str(catalog), "out", *options]) in {1, 2}
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
    assert not list(tmp_path.glob("out/[!_]*"))
    assert not list(tmp_path.glob("out/_staging/*"))


def test_rules_about_pictures_need_a_catalog_that_names_some(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], run_json: RunJson
) -> None:
    catalog = write_parquet(tmp_path / "texts.parquet", {"id": ["a", "b"], "text": ["one two", ""]})
    out = tmp_path / "out"
    assert run(["filter", str(catalog), str(out), "--min-width", "9"]) == 2
    assert "pictures" in capsys.readouterr().err
    assert run_json("filter", catalog, out, "--min-words", 2)["counts"] == counts(2)
    assert kept(out) == {"a"}


def test_what_is_told_at_the_end(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["filter", str(catalog), str(out), "--license", "CC0", "--min-words", "3"]
    assert run(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:] == [
        "4 of 24 rows are kept, 20 left out",
        "Rules broken (a row may break several): 18 licenses, 8 min_words",
        f"Next: calumma report {out}",
        f"Then: calumma embed {catalog} VECTORS --keep {out}",
    ]
    assert not any(line.startswith("Model") for line in lines)
    assert run([*command, "--dry-run"]) == 0
    assert "to do:    0 rows, into verdicts" in capsys.readouterr().out


def test_a_list_that_was_not_written_is_made_up_for(
    catalog: Path, tmp_path: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def die(*arguments: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("storage.list_kept.put_verdicts", die)
        assert run(["filter", str(catalog), str(out), "--license", "CC0", "--json"]) == 1
    assert len(read_table(out, "verdicts")) == 24
    assert not (out / "_filters").exists()
    done = run_json("filter", catalog, out, "--license", "CC0")
    assert done["counts"] == counts(0, skipped=24)
    assert done["verdicts"]["kept"] == 6


def test_a_pattern_that_takes_too_long_costs_the_row(tmp_path: Path, run_json: RunJson) -> None:
    texts = ["aaa", "a" * 60 + "!", "b"]
    catalog = write_parquet(tmp_path / "c.parquet", {"id": ["a", "b", "c"], "text": texts})
    out = tmp_path / "out"
    done = run_json("filter", catalog, out, "--pattern", "^(a|aa)+$", "--max-failure-rate", 1)
    assert done["counts"] == counts(2, failed=1)
    (failure,) = read_table(out, "failures")
    assert (failure["asset_id"], failure["stage"]) == ("b", "filter")
    assert "The pattern takes more than 1 s" in failure["message"]
    assert kept(out) == {"a"}
    assert not failure["retryable"]
