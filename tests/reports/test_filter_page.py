"""The page of a filter: what it counts, what it chooses to show, and how."""

from pathlib import Path
from typing import Any

import pytest
from easy_vqa import get_test_image_paths

from pipelines.cli import run as calumma
from reports.filter_page import is_of_verdicts, write_filter_page
from reports.filter_samples import SHOWN
from schemas.verdict import Rule
from tests.verdicts import verdict, write_verdicts

PICTURES = [str(path) for _, path in sorted(get_test_image_paths().items())]
HOSTILE = '<img src=x onerror="alert(1)"> & "a" \u202e' + "long" * 60


def shown(page: Any, name: str) -> list[str]:
    """The ids of a list, in the page's order."""
    ids: list[str] = page.locator(f"section[aria-labelledby={name}-title] .id").all_inner_texts()
    return ids


def test_counts_scores_and_samples(tmp_path: Path, visit: Any) -> None:
    rows = []
    for number in range(200):
        name, score = f"{number:03d}", 0.2 + number / 1000
        low = [Rule.MIN_CLIP_SCORE] if score < 0.25 else []
        rows.append(verdict(name, low, clip_score=score, uri=PICTURES[number % 40]))
    rows += [
        verdict(
            f"small-{number:02d}",
            [Rule.LICENSES, Rule.MIN_WIDTH],
            not_judged=("min_clip_score",),
            license="secret",
            width=40 + number,
            height=30,
            uri=PICTURES[number],
        )
        for number in range(30)
    ]
    rows.append(verdict("silent", [Rule.MIN_CLIP_SCORE], characters=0, text="", words=0))
    write_verdicts(tmp_path, rows, min_clip_score=0.25, license=["CC0", "CC-BY"], min_width=64)
    # A row that is judged again counts, and is shown, by its newest verdict.
    again = verdict("small-00", version="corrected", uri=PICTURES[0])
    write_verdicts(tmp_path, [again], min_clip_score=0.25, license=["CC0", "CC-BY"], min_width=64)
    assert calumma(["report", str(tmp_path)]) == 0
    page = visit().goto(tmp_path / "report.html")
    assert page.locator("h1").inner_text() == "151 of 231 rows are kept"
    assert page.locator(".numbers dd").all_inner_texts() == ["231", "151", "80", "65.4 %", "200"]
    told = [" ".join(text.split()) for text in page.locator(".rules li").all_inner_texts()]
    assert told == [
        "min_clip_score 51 Not asked of 29 rows that broke a cheaper rule.",
        "licenses 29",
        "min_width 29",
    ]
    asked = page.locator(".pairs dd").all_inner_texts()
    assert asked == ["CC0, CC-BY", "64", "0.25"]
    nearest = [f"{number:03d}" for number in range(49, 49 - SHOWN, -1)]
    assert shown(page, "min_clip_score") == nearest
    assert shown(page, "kept") == [f"{number:03d}" for number in range(50, 50 + SHOWN)]
    small = shown(page, "licenses")
    assert len(small) == len(set(small)) == SHOWN
    assert "small-00" not in small
    assert set(small) <= {row.asset_id for row in rows if not row.kept}
    first = page.locator("section[aria-labelledby=min_width-title] .score").first.inner_text()
    assert first.endswith(" × 30")
    assert page.locator(".picture img").count() == page.locator(".found li").count()
    bars = page.locator(".plot rect")
    left_out = page.locator(".plot rect.bar-other").count()
    assert (bars.count(), left_out) == (20, 5)
    line = page.locator(".plot .threshold").bounding_box()
    edge = page.locator(".plot rect.bar").first.bounding_box()
    assert 0 <= edge["x"] - line["x"] < edge["width"]


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_rows_and_pictures_that_are_gone(tmp_path: Path, visit: Any, width: int) -> None:
    reasons = [rule for rule in Rule if rule != Rule.MIN_CLIP_SCORE]
    row = verdict(HOSTILE, reasons, text=HOSTILE, license=HOSTILE, uri=f"/gone/{HOSTILE}")
    write_verdicts(tmp_path, [row], pattern=HOSTILE, catalog=HOSTILE)
    write_filter_page(str(tmp_path))
    page = visit(width).goto(tmp_path / "report.html")
    assert page.locator(".found li").count() == len(reasons)
    assert "There is no file /gone/" in page.locator(".picture .why").first.inner_text()
    assert page.locator("img[src=x]").count() == 0
    assert page.locator(".plot").count() == 0


def test_a_catalog_elsewhere_brings_no_file_of_this_machine(tmp_path: Path, visit: Any) -> None:
    row = verdict("a", [Rule.LICENSES], uri=PICTURES[0])
    write_verdicts(tmp_path, [row], catalog="s3://bucket/catalog.parquet")
    write_filter_page(str(tmp_path))
    page = visit().goto(tmp_path / "report.html")
    assert "which only a local catalog may name" in page.locator(".picture .why").inner_text()


def test_nothing_left_out(tmp_path: Path, visit: Any) -> None:
    write_verdicts(tmp_path, [verdict("a")], min_words=1)
    assert is_of_verdicts(str(tmp_path))
    told = str(write_filter_page(str(tmp_path)))
    assert told == f"{tmp_path}/report.html: 1 of 1 rows are kept"
    page = visit().goto(tmp_path / "report.html")
    assert page.locator(".empty").inner_text() == "No row broke a rule."
    assert page.locator("h1").inner_text() == "1 of 1 row is kept"


def test_other_outputs_have_their_own_page(output: Any) -> None:
    output.caption_run("20260301-020000-aaaaaa", rows=1)
    assert not is_of_verdicts(str(output.out))
