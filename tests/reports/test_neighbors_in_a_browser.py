"""Neighbours in the report page: figures over all rows, queries beside what is near them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from easy_vqa import get_test_image_paths
from playwright.sync_api import expect

from reports.page import write_report
from reports.vector_rows import MOST_NEIGHBORS
from schemas.embedding import Embedding
from schemas.failure import FailureKind
from storage.index_rows import IndexedAsset
from tests.reports.indexes import write_index

RUN, NEWER = "20260301-020000-aaaaaa", "20260302-020000-bbbbbb"
WIDTHS = {"desktop": 1280, "phone": 390}
IDS = [f"known-{number}" for number in range(30)]


def asset(name: str, uri: str, text: str = "") -> IndexedAsset:
    return IndexedAsset(asset_id=name, uri=uri, text=text, license="", source="", modality="image")


@pytest.fixture
def index(tmp_path: Path) -> str:
    """An index of thirty pictures of this machine, embedded from a local catalog."""
    embeddings = tmp_path / "embedded"
    (embeddings / "_runs").mkdir(parents=True)
    manifest: dict[str, Any] = {
        "run_id": RUN,
        "job": "embed",
        "state": "done",
        "config": {"catalog": "/photos"},
        "table": "embeddings",
        "model": "calumma-clip",
        "revision": "embedded-1",
        "versions": {},
        "counts": {"rows_in": 30, "rows_out": 30, "failed": 0, "skipped": 0},
        "rows_left": 0,
        "failures_by_kind": {},
        "started": 0.0,
        "finished": 1.0,
        "commit": 1,
        "files": [],
    }
    (embeddings / "_runs" / f"{RUN}.json").write_text(json.dumps(manifest))
    assets = [
        asset(name, str(get_test_image_paths()[number]), f"text of {name}")
        for number, name in enumerate(IDS)
    ]
    # What comes again in a newer shard is as it is there.
    old = [asset(IDS[0], "/gone.png", "an old text")]
    return write_index(tmp_path / "index", old, assets, embeddings=str(embeddings))


def count(page: Any) -> str:
    return str(page.locator("[role=status]").inner_text())


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_queries_stand_beside_their_neighbours(
    output: Any, index: str, visit: Any, width: int, scheme: str
) -> None:
    rows = {row.asset_id: row for row in output.neighbors_run(RUN, index=index, ids=IDS)}
    page = visit(width, scheme).open(output)
    numbers = page.locator(".numbers").inner_text().split("\n")
    assert numbers[numbers.index("Neighbours a query") + 1] == "1.38"
    assert numbers[numbers.index("Without any") + 1].split()[0] == "13"
    cards = page.locator(".query-card")
    assert cards.count() == 40
    for card in cards.all():
        row = rows[card.locator(".asked .id").inner_text()]
        assert card.locator(".asked .said").inner_text() == row.text
        assert card.locator(".near .id").all_inner_texts() == list(row.neighbor_ids)
        shown = card.locator(".near .score").all_inner_texts()
        assert shown == [f"{score:.3f}" for score in row.scores.astype(float).round(4)]
        texts = card.locator(".near .text").all_inner_texts()
        assert texts == [f"text of {name}" for name in row.neighbor_ids]
        assert card.locator(".near img").count() == len(row.neighbor_ids)
    # What lies there is what its address names: known-0 is a picture of 64 pixels, not /gone.png.
    assert page.locator(".near img").first.evaluate("image => image.naturalWidth") == 64
    assert page.locator(".near.empty").count() == 13


def test_bars_and_filters(output: Any, index: str, visit: Any) -> None:
    rows = output.neighbors_run(RUN, index=index, ids=IDS)
    page = visit().open(output)
    scores = [score for row in rows for score in row.scores.astype(float).round(4)]
    shown = 0
    for bar in page.locator("[data-low]").all():
        low, high = (float(bar.get_attribute(f"data-{end}")) for end in ("low", "high"))
        inside = [score for score in scores if low <= score < high]
        assert bar.get_attribute("title").endswith(f": {len(inside)}")
        shown += len(inside)
        bar.click()
        wanted = sum(any(low <= score < high for score in row.scores.round(4)) for row in rows)
        assert count(page).split()[0] == str(wanted)
        bar.click()
    assert shown == len(scores)
    by_count = Counter(len(row.neighbor_ids) for row in rows)
    for number, total in by_count.items():
        page.click(f"button[data-count='{number}']")
        assert count(page) == f"{total} queries (filtered from 40)"
        assert page.locator(".near > li").count() == number * total
    page.click("[type=reset]")
    expect(page.locator("[role=status]")).to_have_text("40 queries")
    page.fill("[name=search]", "known-17")
    asked = sum("known-17" in row.neighbor_ids for row in rows)
    assert count(page) == f"{asked} queries (filtered from 40)"
    page.fill("[name=search]", "")
    page.select_option("[name=sort]", "high")
    best = max((row for row in rows if len(row.scores)), key=lambda row: row.scores[0])
    assert page.locator(".asked .id").first.inner_text() == best.asset_id


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_texts_of_others_stay_texts(output: Any, visit: Any, tmp_path: Path, width: int) -> None:
    ids = [*output.hostile_texts, "__proto__", "constructor"]
    assets = [asset(name, name, name) for name in ids]
    index = write_index(tmp_path / "index", assets, embeddings=str(tmp_path / "gone"))
    output.neighbors_run(RUN, index=index, ids=ids, hostile=True, counts=[12])
    page = visit(width).open(output)
    assert page.locator(".query-card").count() == 40
    texts = "nodes => nodes.map((node) => node.textContent)"
    assert set(page.locator(".near .text").evaluate_all(texts)) == {
        text if len(text) <= 200 else f"{text[:200]}…" for text in ids
    }
    for summary in page.locator("details.more > summary").all()[:10]:
        summary.click()
    assert page.locator("img:not([src^='data:image/jpeg'])").count() == 0
    assert page.locator(".near .why").count() == 40 * 12
    assert page.title() == f"Neighbors run {RUN} – Calumma"


def test_an_index_that_is_gone_leaves_ids_and_scores(output: Any, visit: Any) -> None:
    output.neighbors_run(RUN, index="/nowhere/index", ids=IDS)
    page = visit().open(output)
    assert "/nowhere/index is not there any more" in page.locator(".sample").first.inner_text()
    assert page.locator(".near > li .id").count() == 14 * 3 + 13
    assert set(page.locator(".near .why").all_inner_texts()) == {"no picture"}


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_ten_thousand_queries_of_many_neighbours(
    output: Any, index: str, visit: Any, width: int
) -> None:
    output.neighbors_run(RUN, index=index, ids=IDS, rows=10_500, counts=[25])
    page = visit(width).open(output)
    assert Path(output.out, "report.html").stat().st_size < 20_000_000
    assert "of 10,500 queries are in this page" in page.locator(".sample").first.inner_text()
    first = page.locator(".query-card").first
    assert first.locator(".near > li").count() == MOST_NEIGHBORS + 1
    assert first.locator(".near > li").last.inner_text() == "and 5 more"
    page.click("button[data-count='25']")
    assert "1–60 of" in count(page)


def test_no_query_has_any(output: Any, index: str, visit: Any) -> None:
    output.neighbors_run(RUN, index=index, ids=IDS, counts=[0])
    page = visit().open(output)
    assert "no query has a neighbour" in page.locator(".charts").inner_text()
    assert page.locator(".near.empty").count() == 40


def test_each_job_has_its_tab(output: Any, index: str, visit: Any) -> None:
    output.caption_run("20260228-020000-cccccc", rows=5)
    output.neighbors_run(RUN, index=index, ids=IDS)
    embeddings = [
        Embedding(
            key=f"{number:032x}",
            asset_id=f"embedded-{number}",
            uri=f"pictures/{number}.png",
            text="a text",
            license="",
            source="",
            modality="both",
            vector=np.zeros(4, np.float32),
            text_cut=number < 2,
            sha256="",
            model="calumma-clip",
            revision="embedded-1",
            attributes="{}",
        )
        for number in range(7)
    ]
    failures = output.failures({FailureKind.NOT_FOUND: 2})
    output.write_run(NEWER, "embed", "embeddings", Embedding, embeddings, failures, {})
    summary = write_report(output.out)
    assert str(summary).endswith(
        f"report.html: 5 captions of run 20260228-020000-cccccc, 7 vectors and 2 failures of run "
        f"{NEWER}, 40 queries of run {RUN}"
    )
    page = visit().open(output)
    tabs = page.get_by_role("tablist", name="Run to show").get_by_role("tab")
    assert tabs.all_text_contents() == ["Captions 5", "Vectors 7, 2 failed", "Queries 40"]
    vectors = page.locator("#run1")
    assert vectors.locator(".card").count() == 7
    assert vectors.locator(".notice").count() == 0
    assert "both 7 100 %" in vectors.locator(".charts").inner_text()
    assert sum("text cut" in text for text in vectors.locator(".measures").all_inner_texts()) == 2
    vectors.locator("[name=search]").fill("embedded-3")
    assert vectors.locator("[role=status]").inner_text() == "1 vector (filtered from 7)"
    tabs.nth(2).click()
    assert page.locator("#run2 .query-card").count() == 40


def test_pictures_of_the_runs_own_rows_are_not_read_again(
    output: Any, visit: Any, tmp_path: Path
) -> None:
    # An index of the queries themselves, whose pictures lie nowhere any more.
    ids = [f"query-{number:05d}" for number in range(40)]
    assets = [asset(name, f"pictures/{number}.png") for number, name in enumerate(ids)]
    assets[0] = asset(ids[0], "another/0.png")
    index = write_index(tmp_path / "index", assets, embeddings=str(tmp_path / "gone"))
    output.neighbors_run(RUN, index=index, ids=ids, counts=[1])
    page = visit().open(output)
    assert page.locator(".near img").count() == 39
    for card in page.locator(".query-card").all():
        near = card.locator(".near .id").inner_text()
        assert (card.locator(".near img").count() == 1) == (near != ids[0])
