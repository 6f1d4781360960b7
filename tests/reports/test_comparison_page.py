"""The page of a comparison: figures, sentences, pictures side by side, texts that stay texts."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from easy_vqa import get_test_image_paths

from reports.compared import sentence
from reports.comparison_page import write_comparison_page
from schemas.comparison import ComparedRow, ComparedRun, Comparison, Difference, Verdict
from schemas.errors import UsageError
from tests.reports.accessibility import check_page

PICTURES = [str(path) for _, path in sorted(get_test_image_paths().items())]


def difference(**changes: Any) -> Difference:
    plain = Difference(
        metric="cider_d",
        slice="all",
        a=0.7,
        b=0.75,
        difference=0.05,
        low=0.02,
        high=0.08,
        p=0.0012,
        p_adjusted=0.0012,
        verdict=Verdict.BETTER,
        rows=1497,
        wins=700,
        losses=600,
        ties=197,
        detectable=0.043,
        rows_needed=1103,
    )
    return replace(plain, **changes)


def row(number: int, text: str = "a red circle", **changes: Any) -> ComparedRow:
    plain = ComparedRow(
        asset_id=f"{number:04d}.png",
        question_id="",
        question="",
        a_text="a blue thing",
        b_text=text,
        a_score=0.1,
        b_score=2.5,
        references=("a red circle", "one red circle"),
        a_uri=PICTURES[number % 40],
        b_uri=PICTURES[number % 40 + 1],
    )
    return replace(plain, **changes)


def comparison(**changes: Any) -> Comparison:
    runs = [
        ComparedRun(
            out=f"/outputs/{name}",
            run_id=f"2026030{place}-020000-aaaaaa",
            results=str(Path(PICTURES[0]).parent),
            model="model",
            revision="r1",
            rows=1500,
            alone=0,
            first_alone=(),
        )
        for place, name in enumerate("ab", 1)
    ]
    plain = Comparison(
        a=runs[0],
        b=runs[1],
        kind="captions",
        rows=1497,
        weighed_anew=False,
        left_out=(),
        slices_left_out=(),
        differences=(difference(),),
        examples_by="cider_d",
        wins=(row(0), row(1)),
        losses=(),
    )
    return replace(plain, **changes)


def test_sentences() -> None:
    assert sentence(difference()) == (
        "B is better with 1,497 rows: 0.7500 against 0.7000, +0.0500 (95 % interval +0.0200 to "
        "+0.0800), p = 0.0012."
    )
    worse = difference(verdict=Verdict.WORSE, difference=-0.05, p_adjusted=1e-9)
    assert sentence(worse).startswith("B is worse with 1,497 rows")
    assert sentence(worse).endswith("p < 0.0001.")
    unknown = difference(verdict=Verdict.UNKNOWN, p=0.4, p_adjusted=0.4, rows_needed=23_456)
    assert sentence(unknown).endswith(
        "p = 0.400. To show this difference takes about 23,000 rows; 1,497 rows show one of 0.0430."
    )
    endless = replace(unknown, rows_needed=10**12)
    assert "takes more than 1,000,000,000 rows" in sentence(endless)
    same = replace(unknown, difference=0.0, wins=0, losses=0, rows_needed=None, b=0.7)
    assert sentence(same) == "Cannot tell with 1,497 rows: the scores are the same on each, 0.7000."
    single = replace(unknown, p=None, p_adjusted=None, rows=1, low=None, high=None)
    assert sentence(single) == (
        "Cannot tell with 1 row: 0.7500 against 0.7000, +0.0500. That is too little to tell by."
    )


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_what_differs_is_shown_and_nothing_of_it_is_run(
    output_at: Any, visit: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    texts = output_at.hostile_texts
    wins = [
        row(number, text, asset_id=text, references=texts[:6], question_id="7", question=text)
        for number, text in enumerate(texts)
    ]
    slices = [
        difference(slice=f"shelf={text}", verdict=verdict, p_adjusted=0.01 * place)
        for place, (text, verdict) in enumerate(zip(texts, [*Verdict] * 4, strict=False))
    ]
    shown = comparison(
        wins=tuple(wins),
        losses=(row(3, "", a_uri="/gone.png"),),
        differences=(difference(), difference(metric="bleu_4", wins=None), *slices),
        left_out=(texts[0],),
        slices_left_out=(texts[1],),
        a=replace(comparison().a, alone=9, first_alone=texts[:5], model=texts[0]),
    )
    write_comparison_page(shown, str(tmp_path / "page.html"))
    one = visit(width, scheme)
    page = one.goto(tmp_path / "page.html")
    assert page.locator("h1").inner_text() == "B is better by cider_d"
    assert page.title() == "B is better by cider_d – Calumma"
    said = page.locator(".card .said").evaluate_all("all => all.map((one) => one.textContent)")
    # What HTML cannot hold is left out.
    assert said[1 : 2 * len(texts) : 2] == [text.replace("\x00", "") for text in texts]
    assert said[-1] == "(empty)"
    assert page.locator(".card img").count() == len(texts)
    page.locator(".card img").first.scroll_into_view_if_needed()
    width_of = "image => image.decode().then(() => image.naturalWidth)"
    assert page.locator(".card img").first.evaluate(width_of) == 64
    assert page.locator(".why").inner_text() == "There is no file /gone.png."
    assert page.locator(".card").first.get_by_text("and 1 more").count() == 1
    assert "Only A has 9 rows, of " in page.locator(".notice").first.inner_text()
    assert page.locator("script").count() == 0
    assert page.locator(".slices tbody tr").count() == len(texts)
    # The keyboard opens and closes what is folded.
    assert page.locator(".slices details").get_attribute("open") is not None
    page.locator(".slices summary").focus()
    page.keyboard.press("Enter")
    assert page.locator(".slices details").get_attribute("open") is None


def test_headings_and_tables_are_what_a_screen_reader_needs(visit: Any, tmp_path: Path) -> None:
    slices = [difference(slice=f"shelf={number}") for number in range(3)]
    shown = comparison(differences=(difference(), *slices))
    write_comparison_page(shown, str(tmp_path / "page.html"))
    for width in (1280, 390):
        page = visit(width).goto(tmp_path / "page.html")
        levels = page.locator("h1, h2, h3").evaluate_all("all => all.map((one) => one.tagName)")
        assert levels[0] == "H1"
        assert all(int(b[1]) <= int(a[1]) + 1 for a, b in itertools.pairwise(levels))
        table = page.get_by_role("table", name="cider_d by slice")
        # On a phone each figure has its label instead.
        assert table.get_by_role("columnheader").count() == (9 if width == 1280 else 0)
        assert table.get_by_role("rowheader").all_inner_texts() == ["shelf=0", "shelf=1", "shelf=2"]
        assert page.get_by_role("img", name="Picture 0000.png").count() == 1
        regions = page.get_by_role("region")
        assert regions.filter(has=page.get_by_role("heading", name="All rows")).count() == 1


def test_nothing_serious_is_found_by_axe(chromium: Any, tmp_path: Path) -> None:
    slices = [difference(slice=f"shelf={one}", verdict=one) for one in Verdict]
    gone = row(3, "", a_uri="/gone.png")
    for kind in ("captions", "generations"):
        shown = comparison(kind=kind, differences=(difference(), *slices), losses=(gone,))
        write_comparison_page(shown, str(tmp_path / "page.html"))
        findings = check_page(chromium, tmp_path / "page.html")
        assert not findings, "\n\n".join(findings)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_drawings_are_shown_side_by_side(
    visit: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    drawn = [row(number, a_text="a red circle") for number in range(3)]
    shown = comparison(
        kind="generations",
        examples_by="clip_score",
        differences=(difference(metric="clip_score"),),
        wins=(*drawn, row(7, b_uri="/gone.png")),
    )
    write_comparison_page(shown, str(tmp_path / "page.html"))
    page = visit(width, scheme).goto(tmp_path / "page.html")
    cards = page.locator("#wins-title ~ ol .card")
    assert cards.count() == 4
    first, last = cards.first, cards.last
    assert first.locator("figcaption").all_inner_texts() == ["A 0.1000", "B 2.5000"]
    sources = first.locator("img").evaluate_all("all => all.map((one) => one.src)")
    assert len(set(sources)) == 2
    assert first.locator(".said").all_inner_texts() == ["a red circle"]
    assert page.get_by_role("img", name="Picture 0001.png of B").count() == 1
    assert last.locator("figure").nth(1).inner_text().startswith("There is no file /gone.png.")
    boxes = [one.bounding_box() for one in first.locator("figure").all()]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]


def test_a_page_where_nothing_differs(visit: Any, tmp_path: Path) -> None:
    same = difference(verdict=Verdict.UNKNOWN, difference=0.0, wins=0, losses=0, low=0.0, high=0.0)
    shown = comparison(differences=(same,), wins=(), examples_by="")
    write_comparison_page(shown, str(tmp_path / "page.html"))
    page = visit().goto(tmp_path / "page.html")
    assert page.locator("h1").inner_text() == "Cannot tell by cider_d which is better"
    assert page.locator(".empty").all_inner_texts() == ["There is no such row."] * 2
    with pytest.raises(UsageError, match="There is no folder"):
        write_comparison_page(shown, str(tmp_path / "nowhere" / "page.html"))
