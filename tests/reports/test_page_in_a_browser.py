"""The page as a visitor meets it, in headless Chromium."""

import dataclasses
import itertools
import math
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from schemas.arrow import to_table
from schemas.description import Caption
from schemas.failure import FailureKind

RUN, NEWER = "20260301-020000-aaaaaa", "20260302-020000-bbbbbb"
WIDTHS = {"desktop": 1280, "phone": 390}


def _texts(page: Any, selector: str) -> list[str]:
    found: list[str] = page.locator(selector).all_inner_texts()
    return found


def _count(page: Any) -> str:
    return str(page.locator("[role=status]").inner_text())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_hostile_texts_are_shown_and_never_run(
    output: Any, visit: Any, width: int, scheme: str
) -> None:
    failures = output.failures({FailureKind.NOT_FOUND: 10}, hostile=True)
    output.caption_run(RUN, rows=12, hostile=True, failures=failures, model="<img src=x>" * 20)
    one = visit(width, scheme)
    page = one.open(output)
    shown = page.eval_on_selector_all(".said", "nodes => nodes.map((node) => node.textContent)")
    assert set(output.hostile_texts) <= set(shown)
    for summary in page.locator("details.more > summary").all():
        summary.click()
    one.check()
    page.click("[data-tab=failures]")
    messages = page.eval_on_selector_all(
        ".message", "nodes => nodes.map((node) => node.textContent)"
    )
    assert sorted(messages) == sorted(output.hostile_texts)
    for summary in page.locator("details.more > summary").all():
        summary.click()
    page.click("details.settings > summary")
    assert page.title() == f"Caption run {RUN} – Calumma"
    assert page.locator("h1").inner_text().split() == ["Caption", "run", RUN]
    assert page.locator("img:not([src^='data:image/jpeg'])").count() == 0
    assert page.locator("script").count() == 2


def test_the_policy_stops_what_an_injection_would_do(output: Any, visit: Any) -> None:
    """The checks above can fail: the same page complains when something is injected on purpose."""
    output.caption_run(RUN, rows=1)
    one = visit()
    page = one.open(output)
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend',"
        " '<img src=http://127.0.0.1:9/x onerror=\"document.title=1\"><p style=color:red>')"
    )
    # What waits for a function in the page has it evaluate a text, which the policy forbids.
    while page.evaluate("window.violations.length") < 3:
        page.wait_for_timeout(50)
    assert set(page.evaluate("window.violations")) == {
        "img-src",
        "script-src-attr",
        "style-src-attr",
    }
    assert page.title() != "1"
    assert one.complaints
    one.complaints.clear()
    one.requests.clear()
    page.evaluate("window.violations = []")


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_pages_of_sixty(output: Any, visit: Any, width: int) -> None:
    output.caption_run(RUN, rows=130)
    page = visit(width).open(output)
    pages = []
    for expected in ("1–60 of 130", "61–120 of 130", "121–130 of 130"):
        assert _count(page) == f"{expected} captions"
        pages.append(_texts(page, ".id"))
        if len(pages) < 3:
            page.locator("[data-step='1']").last.click()
    assert page.locator("[data-step='1']").first.is_disabled()
    assert sorted(itertools.chain(*pages)) == [f"asset-{index:05d}" for index in range(130)]
    page.locator("[data-step='-1']").first.click()
    assert _texts(page, ".id") == pages[1]
    assert page.evaluate("document.activeElement.className") == "results"


def test_search_is_over_ids_texts_and_attributes(output: Any, visit: Any) -> None:
    captions = output.caption_run(RUN, rows=130)
    page = visit().open(output)
    page.fill("[name=search]", "ASSET-0001")
    assert _count(page) == "10 captions (filtered from 130)"
    red = sum("a red" in caption.text for caption in captions)
    page.fill("[name=search]", "a red")
    assert _count(page) == f"{red} captions (filtered from 130)"
    assert all("a red" in text for text in _texts(page, ".said"))
    page.fill("[name=search]", '"shelf": "s3"')
    assert _count(page) == "19 captions (filtered from 130)"
    page.fill("[name=search]", "no such thing")
    assert _texts(page, "ol.list > li") == ["No captions match these filters."]
    page.click("[type=reset]")
    expect(page.locator("[role=status]")).to_have_text(re.compile("130 captions$"))


def test_filters_narrow_each_other(output: Any, visit: Any) -> None:
    captions = output.caption_run(RUN, rows=300)
    page = visit().open(output)
    cut = [caption for caption in captions if caption.finish_reason == "length"]
    page.select_option("[name=finish]", "length")
    assert _count(page) == f"{len(cut)} captions (filtered from 300)"
    sure = [caption for caption in cut if math.exp(caption.mean_logprob) >= 0.8]
    assert 0 < len(sure) < len(cut)
    page.fill("[name=low]", "0.8")
    assert _count(page).split()[0] == str(len(sure))
    assert sorted(_texts(page, ".id")) == sorted(caption.asset_id for caption in sure)


def test_a_bar_of_the_histogram_filters(output: Any, visit: Any) -> None:
    output.caption_run(RUN, rows=300)
    page = visit().open(output)
    bar = page.locator("[data-low='0.90']")
    expected = bar.get_attribute("title").split(": ")[1]
    bar.click()
    assert _count(page) == f"{expected} captions (filtered from 300)"
    assert page.input_value("[name=low]") == "0.90"
    assert bar.get_attribute("aria-pressed") == "true"
    bar.click()
    assert _count(page) == "1–60 of 300 captions"


def test_each_row_is_behind_exactly_one_bar(output: Any, visit: Any) -> None:
    captions = output.caption_run(RUN, rows=21)
    on_edges = [
        dataclasses.replace(caption, mean_logprob=math.log(index / 20) if index else -math.inf)
        for index, caption in enumerate(captions)
    ]
    output.put_table(f"captions/run={RUN}/part-00000000.parquet", to_table(Caption, on_edges))
    page = visit().open(output)
    shown = []
    for index, bar in enumerate(page.locator("[data-low]").all()):
        bar.click()
        shown += _texts(page, ".id")
        assert bar.get_attribute("title").endswith(": 2" if index == 19 else ": 1")
    assert sorted(shown) == [f"asset-{index:05d}" for index in range(21)]


def test_orders(output: Any, visit: Any) -> None:
    captions = output.caption_run(RUN, rows=100)
    page = visit().open(output)
    by_confidence = sorted(captions, key=lambda caption: caption.mean_logprob)
    page.select_option("[name=sort]", "low")
    assert _texts(page, ".id")[:20] == [caption.asset_id for caption in by_confidence[:20]]
    page.select_option("[name=sort]", "high")
    assert _texts(page, ".id")[:20] == [caption.asset_id for caption in by_confidence[:-21:-1]]
    page.select_option("[name=sort]", "id")
    assert _texts(page, ".id")[:20] == [f"asset-{index:05d}" for index in range(20)]


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_questions_stand_under_their_picture(output: Any, visit: Any, width: int) -> None:
    answers = output.answer_run(RUN, pictures=4, hostile=True)
    page = visit(width).open(output)
    groups = page.locator(".card.group")
    assert groups.count() == 4
    page.select_option("[name=sort]", "id")
    for index in range(4):
        own = [answer for answer in answers if answer.asset_id == f"easy-vqa/{index}"]
        group = groups.nth(index)
        assert group.locator(".id").inner_text() == f"easy-vqa/{index}"
        assert group.locator("img").evaluate("image => image.naturalWidth") == 64
        assert group.locator(".line").count() == len(own)
    wrong = [answer for answer in answers if answer.answers and answer.text not in answer.answers]
    page.select_option("[name=right]", "wrong")
    assert _count(page) == f"{len(wrong)} answers (filtered from {len(answers)})"
    assert set(_texts(page, ".mark .sr")) == {"wrong"}
    page.select_option("[name=right]", "unknown")
    unknown = [answer for answer in answers if not answer.answers]
    assert _count(page).split()[0] == str(len(unknown))


def test_answers_without_expectations_are_not_judged(output: Any, visit: Any) -> None:
    output.answer_run(RUN, pictures=2, judged=False)
    page = visit().open(output)
    assert page.locator("[name=right]").count() == 0
    assert page.locator(".mark.right, .mark.wrong").count() == 0


def test_failures_by_kind(output: Any, visit: Any) -> None:
    kinds = {FailureKind.NOT_FOUND: 12, FailureKind.TRUNCATED: 3, FailureKind.MODEL_ERROR: 1}
    output.caption_run(RUN, rows=10, failures=output.failures(kinds))
    page = visit().open(output)
    page.click("button[data-kind=truncated]")
    assert page.locator("[data-tab=failures]").get_attribute("aria-selected") == "true"
    assert _count(page) == "3 failures (filtered from 16)"
    assert set(_texts(page, ".failure strong")) == {"truncated"}
    assert page.input_value("[name=kind]") == "truncated"
    page.select_option("[name=kind]", "")
    assert _count(page) == "16 failures"
    assert page.locator(".failure img").count() == 1
    page.fill("[name=search]", "last scan")
    assert _count(page) == "3 failures (filtered from 16)"
    page.locator(".more summary").first.click()
    assert "shelf" in page.locator(".more dl").nth(1).inner_text()


def test_with_the_keyboard_alone(output: Any, visit: Any) -> None:
    output.caption_run(RUN, rows=10, failures=output.failures({FailureKind.NOT_FOUND: 2}))
    page = visit().open(output)
    page.focus("[data-tab=rows]")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.tab") == "failures"
    assert _count(page) == "2 failures"
    page.keyboard.press("ArrowLeft")
    assert _count(page) == "10 captions"
    page.focus("[data-low='0.00']")
    for _ in range(19):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.low") == "0.95"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.input_value("[name=low]") == "0.95"
    page.focus("details.more > summary")
    page.keyboard.press("Enter")
    assert "key" in page.locator("details[open] dl").first.inner_text()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_empty_runs_read_well(output: Any, visit: Any, width: int) -> None:
    output.unfinished_run(NEWER)
    page = visit(width).open(output)
    assert page.locator("h1").inner_text() == "No run has finished yet"
    output.caption_run(RUN, rows=0, skipped=1000)
    page = visit(width).open(output)
    assert _texts(page, "ol.list > li") == [
        "This run wrote no captions: all 1,000 rows of the catalog were done before."
    ]
    assert not page.locator("form").is_visible()
    page.click("[data-tab=failures]")
    assert _texts(page, "ol.list > li") == ["No row of this run failed."]


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_a_run_of_failures_alone_opens_on_them(output: Any, visit: Any, width: int) -> None:
    kinds = {FailureKind.NOT_FOUND: 150, FailureKind.TRUNCATED: 70, FailureKind.MODEL_ERROR: 1}
    output.caption_run(RUN, rows=0, failures=output.failures(kinds))
    page = visit(width).open(output)
    assert page.locator("[data-tab=failures]").get_attribute("aria-selected") == "true"
    assert _count(page) == "1–60 of 221 failures"
    shown = _texts(page, ".failure strong")
    assert shown[:7] == ["not_found"] * 3 + ["truncated"] * 3 + ["model_error"]
    page.select_option("[name=kind]", "truncated")
    assert _count(page) == "1–60 of 70 failures (filtered from 221)"


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_captions_and_answers_are_two_tabs(output: Any, visit: Any, width: int) -> None:
    failures = output.failures({FailureKind.NOT_FOUND: 2})
    captions = output.caption_run(RUN, rows=30, failures=failures)
    output.answer_run(NEWER, pictures=4, asset="asset-{:05d}")
    page = visit(width).open(output)
    assert page.title() == "Captions and answers – Calumma"
    tabs = page.get_by_role("tablist", name="Run to show").get_by_role("tab")
    assert tabs.all_text_contents() == ["Captions 30, 2 failed", "Answers 44"]
    # It opens on the newest run; a picture's caption stands above the questions about it.
    assert tabs.nth(1).get_attribute("aria-selected") == "true"
    answers = page.get_by_role("tabpanel", name="Answers 44")
    assert answers.locator("h2.title").inner_text().split() == ["Answer", "run", NEWER]
    answers.locator("[name=sort]").select_option("id")
    shown = answers.locator(".caption-text bdi").all_inner_texts()
    assert shown == [caption.text for caption in captions[:4]]
    assert answers.locator(".card img").count() == 4
    answers.locator("[name=search]").fill("no such thing")

    tabs.nth(1).press("ArrowLeft")
    assert tabs.nth(0).get_attribute("aria-selected") == "true"
    assert not answers.is_visible()
    shown_run = page.get_by_role("tabpanel", name="Captions 30, 2 failed")
    assert shown_run.locator("h2.title").inner_text().split() == ["Caption", "run", RUN]
    # Filters, failures and charts are each run's own.
    assert shown_run.locator("[role=status]").inner_text() == "30 captions"
    shown_run.locator("[data-low='0.90']").click()
    assert "filtered from 30" in shown_run.locator("[role=status]").inner_text()
    shown_run.locator("button[data-kind=not_found]").click()
    assert shown_run.locator("[role=status]").inner_text() == "2 failures"
    tabs.nth(1).click()
    assert answers.locator("[role=status]").inner_text() == "0 of 44 answers"


def test_no_choice_is_cut_on_a_phone(output: Any, visit: Any) -> None:
    output.answer_run(RUN, failures=output.failures(dict.fromkeys(FailureKind, 1)))
    page = visit(WIDTHS["phone"]).open(output)
    for tab in ("rows", "failures"):
        page.click(f"[data-tab={tab}]")
        for choices in page.locator("select:visible").all():
            # A copy of it that may be as wide as its longest choice wants.
            given, wanted = choices.evaluate(
                "(node) => { const copy = node.cloneNode(true); node.form.append(copy);"
                " copy.style.cssText = 'position: absolute; width: auto; max-width: none';"
                " const widths = [node.offsetWidth, copy.offsetWidth]; copy.remove();"
                " return widths; }"
            )
            assert 0 < wanted <= given, choices.get_attribute("name")


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_ten_thousand_rows_of_each_job(large_output: Any, visit: Any, width: int) -> None:
    page = visit(width).open(large_output)
    answers, captions = page.locator("#run1"), page.locator("#run0")
    assert "of 9,673 answers" in answers.locator("[role=status]").inner_text()
    page.click("#run0-tab")
    count = captions.locator("[role=status]")
    assert count.inner_text() == "1–60 of 10,000 captions"
    assert captions.locator("ol.list > li").count() == 60
    captions.locator("[name=search]").fill("asset-0777")
    shown = captions.locator(".id").all_inner_texts()
    assert 5 <= len(shown) <= 10
    assert all(asset_id.startswith("asset-0777") for asset_id in shown)
    captions.locator("[name=search]").fill("")
    captions.locator("[name=sort]").select_option("id")
    for _ in range(3):
        captions.locator("[data-step='1']").first.click()
    assert count.inner_text() == "181–240 of 10,000 captions"
