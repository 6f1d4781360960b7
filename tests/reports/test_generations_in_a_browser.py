"""The gallery of pictures that a run drew, in headless Chromium."""

import dataclasses
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from reports.page import write_report
from schemas.arrow import to_table
from schemas.failure import FailureKind
from schemas.generated_image import GeneratedImage

RUN, NEWER = "20260301-020000-aaaaaa", "20260302-020000-bbbbbb"
WIDTHS = {"desktop": 1280, "phone": 390}


def by_request(rows: list[GeneratedImage]) -> dict[str, list[GeneratedImage]]:
    requests = defaultdict(list)
    for row in rows:
        requests[row.asset_id].append(row)
    return requests


def scores_of(rows: list[GeneratedImage]) -> list[float]:
    return [row.score for row in rows if row.score is not None]


def count(page: Any) -> str:
    return str(page.locator("[role=status]").inner_text())


def ids(page: Any) -> list[str]:
    return list(page.locator(".drawn-card .body > .id").all_inner_texts())


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_samples_stand_ranked_under_what_was_asked(
    output: Any, visit: Any, width: int, scheme: str
) -> None:
    failures = output.failures({FailureKind.POLICY: 2})
    rows = by_request(output.generate_run(RUN, requests=9, samples=5, failures=failures))
    page = visit(width, scheme).open(output)
    assert page.title() == f"Generate run {RUN} – Calumma"
    numbers = page.locator(".numbers").inner_text().split("\n")
    assert numbers[numbers.index("Requests") + 1] == "9"
    assert "policy" in page.locator(".kinds").inner_text()
    assert ids(page) == list(rows)
    for card, samples in zip(page.locator(".drawn-card").all(), rows.values(), strict=True):
        ranked = sorted(samples, key=lambda row: row.rank)
        assert card.locator(".said").inner_text() == samples[0].text
        assert f"seed {samples[0].seed}" in card.locator(".measures").inner_text()
        assert card.locator(".near strong").all_inner_texts() == [
            f"{score:.3f}" for score in scores_of(ranked)
        ]
        assert card.locator(".rank").all_inner_texts() == [f"#{row.rank}" for row in ranked]
        assert card.locator(".near .id").all_inner_texts() == [
            f"sample {row.sample_number}{', contrasted' if row.contrasted else ''}"
            for row in ranked
        ]
        assert card.locator(".near img").count() == 5
        near = card.locator(".neighbors-line bdi").all_inner_texts()
        assert near == list(samples[0].neighbors)
    assert page.locator(".near img").first.evaluate("image => image.naturalWidth") == 64
    page.locator("details.more > summary").first.click()
    # They are filled in once the browser has told that they were opened.
    page.locator("details.more dl").first.wait_for()
    details = page.locator("details.more").first.inner_text()
    for told in ("draw a", "guidance", "64 × 64", "CC0-1.0", "note"):
        assert told in details


def test_each_picture_is_its_own(output: Any, visit: Any) -> None:
    rows = output.generate_run(RUN, requests=3, samples=4)
    page = visit().open(output)
    pictures = page.locator(".near img").evaluate_all("nodes => nodes.map((node) => node.src)")
    # The maker draws sample s of request r as picture r + s.
    drawn = [
        int(row.asset_id[-5:]) + row.sample_number
        for samples in by_request(rows).values()
        for row in sorted(samples, key=lambda row: row.rank)
    ]
    for first in range(12):
        for second in range(first):
            assert (pictures[first] == pictures[second]) == (drawn[first] == drawn[second])


def test_orders_and_filters(output: Any, visit: Any) -> None:
    rows = output.generate_run(RUN, requests=30, samples=2)
    requests = by_request(rows)
    page = visit().open(output)
    best = {name: max(scores_of(some)) for name, some in requests.items()}
    worst = {name: min(scores_of(some)) for name, some in requests.items()}
    page.select_option("[name=sort]", "high")
    assert ids(page) == sorted(requests, key=lambda name: -round(best[name], 4))
    page.select_option("[name=sort]", "low")
    assert ids(page) == sorted(requests, key=lambda name: round(worst[name], 4))
    page.select_option("[name=sort]", "prompt")
    texts = page.locator(".said").all_inner_texts()
    assert texts == sorted(texts)
    assert len(set(texts)) > 5
    page.select_option("[name=rank]", "1")
    assert count(page) == "30 drawn pictures (filtered from 60)"
    assert page.locator(".near").count() == 0
    assert set(page.locator(".rank").all_inner_texts()) == {"#1"}
    assert page.locator(".drawn-card > .picture img").count() == 30
    page.fill("[name=search]", "A RED")
    red = sum("a red" in some[0].text for some in requests.values())
    assert count(page) == f"{red} drawn pictures (filtered from 60)"
    page.fill("[name=search]", "known-3")
    assert count(page).split()[0] == str(sum("known-3" in one.neighbors for one in rows) // 2)
    page.click("[type=reset]")
    expect(page.locator("[role=status]")).to_have_text("60 drawn pictures")
    shown = 0
    for bar in page.locator("[data-low]").all():
        low, high = (float(bar.get_attribute(f"data-{end}")) for end in ("low", "high"))
        inside = sum(low <= round(score, 4) < high for score in scores_of(rows))
        assert bar.get_attribute("title").endswith(f": {inside}")
        if inside:
            bar.click()
            assert count(page).split()[0] == str(inside)
            bar.click()
        shown += inside
    assert shown == 60


def test_one_sample_without_a_score_has_no_place(output: Any, visit: Any) -> None:
    output.generate_run(RUN, requests=70, samples=1, scored=False)
    page = visit(390).open(output)
    assert count(page) == "1–60 of 70 drawn pictures"
    assert page.locator(".rank").count() == 0
    assert page.locator("[data-low]").count() == 0
    assert page.locator("[name=sort] option").all_inner_texts() == [
        "as in the table",
        "by prompt",
        "by id",
    ]
    page.locator("[data-step='1']").first.click()
    assert page.locator(".drawn-card img").count() == 10


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_texts_of_others_stay_texts(output: Any, visit: Any, width: int) -> None:
    output.generate_run(RUN, requests=10, samples=3, hostile=True, job="edit")
    page = visit(width).open(output)
    assert page.title() == f"Edit run {RUN} – Calumma"
    texts = "nodes => nodes.map((node) => node.textContent)"
    assert page.locator(".said").evaluate_all(texts) == list(output.hostile_texts)
    for summary in page.locator("details.more > summary").all():
        summary.click()
    assert page.locator("img:not([src^='data:image/jpeg'])").count() == 0


def test_a_picture_that_cannot_be_read_is_left_out(output: Any, visit: Any) -> None:
    first, *rest = output.generate_run(RUN, requests=2, samples=2)
    rows = [dataclasses.replace(first, image=b"\x89PNG cut short"), *rest]
    output.put_table(f"generations/run={RUN}/part-00000000.parquet", to_table(GeneratedImage, rows))
    page = visit().open(output)
    assert page.locator(".near img").count() == 3
    assert page.locator(".near .picture.none").inner_text() == "no thumbnail"


def test_a_large_run_is_sampled(output: Any, visit: Any) -> None:
    output.generate_run(RUN, requests=1300, samples=8)
    page = visit().open(output)
    assert Path(output.out, "report.html").stat().st_size < 20_000_000
    note = page.locator(".sample").first.inner_text()
    assert note.endswith("The numbers and charts above cover all.")
    assert "of 10,400 drawn pictures are in this page: those of some of the table's files" in note
    numbers = page.locator(".numbers").inner_text().split("\n")
    assert numbers[numbers.index("Requests") + 1] == "1,300"
    # Whole requests, those with pictures first.
    assert page.locator(".drawn-card").count() == 7
    assert page.locator(".drawn-card img").count() == 56


def test_an_empty_run_and_one_of_each_kind(output: Any, visit: Any) -> None:
    output.generate_run(RUN, requests=0)
    page = visit().open(output)
    assert page.locator("ol.list").inner_text() == (
        "This run wrote no drawn pictures: all 40 rows of the catalog were done before."
    )
    output.caption_run("20260228-020000-cccccc", rows=5)
    output.generate_run(NEWER, requests=3, samples=2, job="edit")
    assert str(write_report(output.out)).endswith(
        f"5 captions of run 20260228-020000-cccccc, 6 edited pictures of run {NEWER}"
    )
    page = visit().open(output)
    tabs = page.get_by_role("tablist", name="Run to show").get_by_role("tab")
    assert tabs.all_text_contents() == ["Captions 5", "Edited pictures 6"]
    assert page.locator("#run1 .drawn-card").count() == 3
