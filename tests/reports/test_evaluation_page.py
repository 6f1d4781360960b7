"""The page of an evaluation as a visitor meets it, in headless Chromium."""

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from easy_vqa import get_test_image_paths
from PIL import Image

import calumma as public
from pipelines.cli import run as calumma
from reports.evaluation_page import is_of_evaluation, write_evaluation_page
from schemas.errors import UsageError
from schemas.failure import FailureKind
from storage.keys import question_identity, row_keys
from tests.reports.evaluations import row_score, score, scores_of, some_rows, write_evaluation

RUN, NEWER = "20260301-020000-aaaaaa", "20260302-020000-bbbbbb"
WIDTHS = {"desktop": 1280, "phone": 400}
PICTURES = [str(get_test_image_paths()[number]) for number in range(40)]


def texts(page: Any, selector: str) -> list[str]:
    found: list[str] = page.locator(selector).all_inner_texts()
    return found


def count(page: Any) -> str:
    return str(page.locator(".results [role=status]").inner_text())


def table(page: Any, title: str) -> pd.DataFrame:
    """A table of the page by its head, as it stands there; a column of numbers alone as such."""
    head, *rows = page.locator(f"table[aria-labelledby={title}]").evaluate(
        "one => Array.from(one.rows, (row) =>"
        " Array.from(row.cells, (cell) => cell.textContent.trim()))"
    )
    found = pd.DataFrame(rows, columns=head)
    for name in head:
        if found[name].str.fullmatch(r"[\d.,]+").all():
            found[name] = found[name].str.replace(",", "").astype(float)
    return found


def download(page: Any, what: str) -> pd.DataFrame:
    with page.expect_download() as waiting:
        page.click(f"[data-csv={what}]")
    assert waiting.value.suggested_filename.startswith(f"{what}-")
    return pd.read_csv(waiting.value.path(), float_precision="round_trip")


def opened(output: Any, visit: Any, width: int = 1280, scheme: str = "light") -> Any:
    write_evaluation_page(output.out)
    return visit(width, scheme).goto(f"{output.out}/report.html")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real evaluations of captions with pictures, by slices; one caption has no references."""
    folder: Path = tmp_path_factory.mktemp("evaluated")
    shapes = ["circle", "square", "triangle"]
    references: dict[str, Any] = {
        "asset_id": [f"asset-{number}" for number in range(41)],
        "references": [
            [f"a {shapes[number % 3]} on ground {number % 5}", f"one {shapes[number % 3]}"]
            for number in range(41)
        ],
    }
    pq.write_table(pa.table(references), folder / "references.parquet")
    for run, wrong in (("first", 3), ("second", 7)):
        results: dict[str, Any] = {
            "asset_id": [f"asset-{number}" for number in range(40)] + ["nowhere"],
            "text": [
                f"a {shapes[(number + (number % wrong == 0)) % 3]} on ground {number % 4}"
                for number in range(41)
            ],
            "uri": [*PICTURES, ""],
            "shelf": [number % 3 for number in range(41)],
            "model": ["the-model"] * 41,
        }
        pq.write_table(pa.table(results), folder / f"{run}.parquet")
        command = ["evaluate", str(folder / f"{run}.parquet"), str(folder / "out")]
        more = ["--references", str(folder / "references.parquet"), "--slice-by", "shelf"]
        assert calumma([*command, *more]) == 0
    assert calumma(["report", str(folder / "out")]) == 0
    return folder / "out"


def test_the_page_says_what_the_tables_hold(evaluated: Path, visit: Any) -> None:
    page = visit().goto(evaluated / "report.html")
    numbers = page.locator(".numbers dd").all_inner_texts()
    assert numbers[:5] == ["41", "40", "1 2.4 %", "0", "1"]
    assert "1 reference has no result" in page.locator(".notice").inner_text()
    assert "the-model" in page.locator(".facts").inner_text()
    older, newer = (
        pq.ParquetDataset(path).read().to_pandas()
        for path in sorted((evaluated / "scores").glob("run=*"))
    )
    expected = newer[newer["slice"] == "all"].reset_index(drop=True)
    before = older[older["slice"] == "all"].reset_index(drop=True)
    shown = table(page, "scores-title")
    assert shown["Metric"].tolist() == expected["metric"].tolist()
    for column, of in (("Value", expected["value"]), ("Low", expected["low"])):
        assert shown[column].tolist() == of.round(4).tolist()
    assert shown["Before"].tolist() == before["value"].round(4).tolist()
    change = shown["Change"].astype(str).str.replace("−", "-").astype(float)
    assert change.tolist() == pytest.approx(
        (expected["value"] - before["value"]).tolist(), abs=6e-5
    )
    runs = table(page, "earlier-title")
    assert len(runs) == 2
    assert runs["cider_d"].tolist() == [shown["Value"][0], shown["Before"][0]]
    for metric in ("cider_d", "rouge_l"):
        page.select_option("#slices-metric", label=metric)
        slices = table(page, "slices-title")
        expected = newer[(newer["slice"] != "all") & (newer["metric"] == metric)]
        assert slices["Slice"].tolist() == expected["slice"].tolist()
        assert slices["High"].tolist() == expected["high"].round(4).tolist()
        assert slices["Rows"].tolist() == expected["count"].tolist()
    assert page.locator(".scored-card").count() == 40
    assert page.locator(".scored-card img").first.evaluate("one => one.naturalWidth") == 64
    page.click("button[data-kind=unknown_asset]")
    assert count(page) == "1 failure"
    assert "nowhere" in page.locator(".failure .id").inner_text()


def test_files_hold_what_the_tables_hold(evaluated: Path, visit: Any) -> None:
    page = visit().goto(evaluated / "report.html")
    held = public.latest_rows(str(evaluated), "scores").to_pandas()
    columns = ["metric", "slice", "value", "low", "high", "count"]
    for what, of_all in (("scores", True), ("slices", False)):
        expected = held[(held["slice"] == "all") == of_all][columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(
            download(page, what), expected, check_dtype=False, check_exact=True
        )
    shown = table(page, "scores-title")
    assert download(page, "scores")["value"].round(4).tolist() == shown["Value"].tolist()
    runs = download(page, "evaluations")
    assert len(runs) == 14
    assert runs["run"].nunique() == 2
    assert set(runs["rows"]) == {40}
    held_rows = public.latest_rows(str(evaluated), "row_scores").to_pylist()
    rows = {row["asset_id"]: row for row in held_rows}
    found = download(page, "rows")
    assert sorted(found["asset_id"]) == sorted(rows)
    assert found["cider_d"].is_monotonic_increasing
    for one in found.to_dict("records"):
        row = rows[one["asset_id"]]
        assert one["text"] == row["text"]
        assert json.loads(one["references"]) == row["references"]
        assert one["cider_d"] == pytest.approx(row["scores"][0], abs=5e-5)
    page.select_option("[name=slice]", label="shelf=1")
    page.select_option("[name=sort]", "best")
    chosen = download(page, "rows")
    assert set(chosen["slices"]) == {'["shelf=1"]'}
    assert chosen["cider_d"].is_monotonic_decreasing
    assert len(chosen) == int(count(page).split()[0]) == 13
    bins = download(page, "distributions")
    assert bins.groupby("score")["rows"].sum().tolist() == [40] * 4


def test_heads_sort_their_table(output: Any, visit: Any) -> None:
    rows = some_rows(30)
    write_evaluation(output, RUN, rows)
    page = opened(output, visit)
    slices = page.locator("#slices-table")
    values = slices.get_by_role("button", name="Value")
    head = slices.locator("th[aria-sort]").nth(1)
    values.focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert table(page, "slices-title")["Value"].is_monotonic_increasing
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    # Another metric is sorted likewise.
    page.select_option("#slices-metric", label="rouge_l")
    shown = table(page, "slices-title")["Value"]
    assert shown.is_monotonic_decreasing
    assert sorted(shown) == sorted(
        round(one.value, 4)
        for one in scores_of(rows)
        if one.slice != "all" and one.metric == "rouge_l"
    )
    slices.get_by_role("button", name="Slice").click()
    assert head.get_attribute("aria-sort") == "none"
    assert table(page, "slices-title")["Slice"].is_monotonic_increasing


def test_each_row_is_behind_one_bar_of_each_score(output: Any, visit: Any) -> None:
    rows = some_rows(50)
    write_evaluation(output, RUN, rows)
    page = opened(output, visit)
    for metric in (0, 1):
        values = [float(row.scores[metric]) for row in rows]
        known = [round(value, 4) for value in values if not math.isnan(value)]
        behind = 0
        for bar in page.locator(f".histogram [data-metric='{metric}']").all():
            bar.click()
            shown = int(count(page).split()[0])
            assert bar.get_attribute("title").endswith(f": {shown}")
            assert bar.get_attribute("aria-pressed") == "true"
            behind += shown
            bar.click()
        assert behind == len(known)
    assert "5 rows without" in page.locator(".histograms").inner_text()
    page.focus(".histogram [data-metric='0'] >> nth=0")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.metric") == "0"


def test_worst_and_best_search_and_slices(output: Any, visit: Any) -> None:
    rows = some_rows(70)
    write_evaluation(output, RUN, rows)
    page = opened(output, visit)
    by_score = sorted(rows, key=lambda row: float(row.scores[0]))
    assert texts(page, ".scored-card .id") == [row.asset_id for row in by_score[:60]]
    page.select_option("[name=sort]", "best")
    assert texts(page, ".scored-card .id")[:9] == [row.asset_id for row in by_score[:-10:-1]]
    # A row without the score comes last, in either direction.
    page.select_option("[name=metric]", label="rouge_l")
    page.locator("[data-step='1']").first.click()
    assert texts(page, ".scored-card .chosen dd")[-7:] == ["–"] * 7
    page.fill("[name=search]", "REFERENCE 13")
    assert texts(page, ".scored-card .id") == ["asset-00013"]
    page.fill("[name=search]", "")
    page.select_option("[name=slice]", label="light=day")
    assert count(page) == "35 rows (filtered from 70)"
    page.fill("[name=low]", "0.5")
    high = [row for row in rows[1::2] if float(row.scores[1]) >= 0.5]
    assert count(page).split()[0] == str(len(high))


def test_lower_may_be_better(output: Any, visit: Any) -> None:
    rows = [row_score(f"a{number}", {"first_rank": float(number)}) for number in range(4)]
    write_evaluation(output, RUN, rows)
    page = opened(output, visit)
    assert texts(page, ".scored-card .id") == ["a3", "a2", "a1", "a0"]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_hostile_texts_are_shown_and_never_run(
    output: Any, visit: Any, width: int, scheme: str
) -> None:
    hostile = [*output.hostile_texts, '=HYPERLINK("http://192.0.2.1","x")', "-2+3", 'a "b", c']
    rows = [
        row_score(
            f"{text} {number}",
            {"cider_d": number / 10},
            text=text,
            references=hostile,
            slices=(f"shelf={text}",),
            uri=f"/gone/{text}".replace("\x00", ""),
            question_id=text,
            attributes=json.dumps({text: text}),
        )
        for number, text in enumerate(hostile)
    ]
    config = {"results": hostile[0], "references": hostile[5], "first_unmatched": hostile}
    failures = output.failures({FailureKind.NOT_FOUND: 10}, hostile=True)
    model = "<img src=x>" * 20
    write_evaluation(output, RUN, rows[:3], config=config, model=model)
    write_evaluation(
        output, NEWER, rows, config={**config, "unmatched": 99}, failures=failures, model=model
    )
    one = visit(width, scheme)
    write_evaluation_page(output.out)
    page = one.goto(f"{output.out}/report.html")
    shown = page.eval_on_selector_all(".said", "nodes => nodes.map((node) => node.textContent)")
    assert set(hostile) <= set(shown)
    assert page.locator("#slices-table tbody tr").count() == len(hostile)
    for summary in page.locator("details > summary").all():
        summary.click()
    one.check()
    found = download(page, "rows")
    assert found["text"].tolist()[10:] == [f"'{hostile[10]}", f"'{hostile[11]}", hostile[12]]
    assert json.loads(found["references"][0]) == hostile
    page.click("[data-tab=failures]")
    assert page.locator(".failure").count() == 10
    assert page.title() == f"Evaluation {NEWER} – Calumma"
    assert page.locator("img, base").count() == 0
    assert page.locator("script").count() == 2


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_little_reads_well(output: Any, visit: Any, width: int) -> None:
    one = row_score("only", {"cider_d": 0.0, "clip_score": math.nan})
    scores = [score("cider_d", 0.0, half=None, count=1), score("clip_score", math.nan, half=None)]
    write_evaluation(output, RUN, [one], scores)
    page = opened(output, visit, width)
    shown = table(page, "scores-title")
    assert shown["Value"].tolist() == ["0.0000", "–"]
    assert shown["Low"].tolist() == ["–", "–"]
    assert "was not sliced" in page.locator("section:has(> * > #slices-title)").inner_text()
    assert page.locator("[name=slice], #earlier-title, .picture").count() == 0
    assert "No row has this score." in page.locator(".histograms").inner_text()
    assert page.locator(".histogram button").count() == 1
    assert texts(page, ".scored-card dd") == ["0.0000", "–"]


def test_rows_that_all_score_the_same(output: Any, visit: Any) -> None:
    rows = [row_score(f"a{number}", {"exact_match": 1.0}, slices=("x=1",)) for number in range(9)]
    write_evaluation(
        output, RUN, rows, [score("exact_match", 1, half=0), score("exact_match", 1, "x=1", half=0)]
    )
    page = opened(output, visit)
    page.click(".histogram button")
    assert count(page) == "9 rows"


def test_nothing_scored(output: Any, visit: Any) -> None:
    failures = output.failures({FailureKind.UNKNOWN_ASSET: 3})
    write_evaluation(output, RUN, [], failures=failures)
    page = opened(output, visit)
    assert "no row of the results could be scored" in page.locator("main").inner_text()
    assert count(page) == "3 failures"
    page.click("[data-tab=rows]")
    assert texts(page, ".list > li") == ["No row of the results was scored."]


def test_pictures_are_read_as_the_results_may_name_them(
    output: Any, tmp_path: Path, visit: Any
) -> None:
    rows = [
        row_score("here", {"m": 0.1}, uri=PICTURES[0]),
        row_score("gone", {"m": 0.2}, uri="/gone.png"),
        row_score("none", {"m": 0.3}),
        row_score("beside", {"m": 0.4}, uri="beside.png"),
    ]
    results = tmp_path / "results.parquet"
    results.write_bytes(b"")
    (tmp_path / "beside.png").write_bytes(Path(PICTURES[1]).read_bytes())
    write_evaluation(output, RUN, rows, results=str(results))
    page = opened(output, visit)
    shown = [
        one.locator("img").count() or one.inner_text() for one in page.locator(".picture").all()
    ]
    assert shown == [1, "There is no file /gone.png.", "no thumbnail", 1]
    # Who wrote results elsewhere may not read files of this machine, nor who is not there to ask.
    for named in ("s3://bucket/results.parquet", str(tmp_path / "gone.parquet")):
        write_evaluation(output, RUN, rows, results=named)
        page = opened(output, visit)
        assert page.locator(".picture img").count() == 0
        assert "is a local file" in page.locator(".picture").first.inner_text()


def test_thumbnails_that_the_job_kept(
    output: Any, output_at: Any, tmp_path: Path, visit: Any
) -> None:
    captions = output_at(str(tmp_path / "captions"))
    captions.caption_run(RUN, rows=1)
    names = [f"asset-{number}" for number in range(3)]
    # A job's keys begin with what tells the asset, or the question about it.
    identities = [*names[:2], question_identity(names[2], "q1")]
    keys = row_keys(identities, None, b"job")
    jpeg = _jpeg(PICTURES[0])
    kept = [{"key": keys.hex(at), "jpeg": jpeg} for at in range(len(names))]
    rows = [
        row_score(
            name,
            {"m": number / 9},
            uri=f"s3a://nowhere/{name}.png",
            question_id="q1" if number == 2 else "",
        )
        for number, name in enumerate([*names, "asset-9", "asset-9"])
    ]
    # Rows of one asset may have pictures of their own; what was not kept cannot be read here.
    kept.append({"key": row_keys(["asset-9"], None, b"job").hex(0), "jpeg": jpeg})
    rows[3] = replace(rows[3], uri="ftp://nowhere/other.png", key="f" * 32)
    rows[4] = replace(rows[4], uri="ftp://nowhere/more.png")
    pq.write_table(pa.Table.from_pylist(kept), tmp_path / f"captions/_thumbnails/{RUN}.parquet")
    write_evaluation(output, NEWER, rows, results=str(tmp_path / "captions"))
    page = opened(output, visit)
    cards = page.locator(".scored-card")
    shown = [cards.nth(number).locator("img").count() for number in range(5)]
    assert shown == [1, 1, 1, 0, 0]
    assert "has a scheme that is not read" in cards.nth(3).locator(".why").inner_text()


def _jpeg(path: str) -> bytes:
    sink = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").save(sink, "JPEG")
    return sink.getvalue()


def test_the_tab_key_reaches_every_control(output: Any, visit: Any) -> None:
    write_evaluation(output, RUN, some_rows(4))
    write_evaluation(
        output, NEWER, some_rows(70), failures=output.failures({FailureKind.NOT_FOUND: 1})
    )
    page = opened(output, visit)
    reached = []
    for _ in range(120):
        page.keyboard.press("Tab")
        told = page.evaluate(
            "(() => { const one = document.activeElement; return one === document.body ? '' :"
            " one.id || one.name || one.dataset.csv || one.dataset.metric || one.dataset.kind ||"
            " one.dataset.step || one.textContent.trim() })()"
        )
        if not told or "Details" in told:
            break
        reached.append(told)
    order = [
        "Skip to the rows",
        "scores",
        *("Metric", "Value", "Low", "High", "Rows", "Before", "Change"),
        "slices",
        "slices-metric",
        *("Slice", "Value", "Low", "High", "Rows", "Change"),
        "evaluations",
        "earlier",
        "distributions",
        "0",
        "1",
        "not_found",
        "rows",
        "tab-rows",
        "search",
        "slice",
        "metric",
        "low",
        "high",
        "sort",
        "Clear filters",
        "1",
    ]
    assert reached == order
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    # Nothing stands in the way of what the skip link leads to.
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert count(page).startswith("61–70 of 70 rows")


def test_on_paper(output: Any, visit: Any) -> None:
    write_evaluation(output, RUN, some_rows(5))
    write_evaluation(output, NEWER, some_rows(70))
    page = opened(output, visit, scheme="dark")
    page.select_option("[name=slice]", label="shelf=1")
    assert not page.locator(".printed").is_visible()
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".printed").inner_text() == (
        "Listed: worst first by cider_d, of slice shelf=1."
    )
    for controls in ("form", ".csv", ".toolbar", ".pager button", "details.more", ".skip"):
        assert not any(one.is_visible() for one in page.locator(controls).all()), controls
    for told in ("#scores-title", ".sort >> nth=0", "#settings-title", ".list .said >> nth=0"):
        assert page.locator(told).is_visible(), told
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(0, 0, 0)"
    assert page.pdf().startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert not page.locator("#settings-title").is_visible()


def test_evaluations_that_cannot_be_compared(output: Any, visit: Any) -> None:
    rows = some_rows(5)
    write_evaluation(output, RUN, rows, config={"references": "others.parquet"})
    write_evaluation(output, NEWER, rows)
    page = opened(output, visit)
    assert "Before" not in table(page, "scores-title").columns
    runs = table(page, "earlier-title")["Compared with"].tolist()
    assert runs == ["references.parquet", "others.parquet (other references)"]


def test_older_runs_and_other_outputs(
    output: Any, visit: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    output.caption_run(RUN, rows=1)
    assert not is_of_evaluation(output.out)
    rows = some_rows(6)
    write_evaluation(output, "20260301-030000-aaaaaa", rows)
    write_evaluation(output, NEWER, rows[:2])
    assert is_of_evaluation(output.out)
    assert not is_of_evaluation(output.out, RUN)
    assert calumma(["report", output.out, "--run", "20260301-030000-aaaaaa"]) == 0
    assert capsys.readouterr().out == (
        f"{output.out}/report.html: 2 scores of 6 rows, run 20260301-030000-aaaaaa\n"
    )
    page = visit().goto(f"{output.out}/report.html")
    assert NEWER in page.locator(".notice").inner_text()
    assert page.locator("#earlier-title").count() == 0
    assert calumma(["report", output.out, "--run", "none"]) != 0
    assert "There is no run none" in capsys.readouterr().err
    merged = sorted(Path(output.out).glob("_runs/*b.json"))
    manifest = json.loads(merged[0].read_text())
    merged[0].write_text(json.dumps({**manifest, "files": []}))
    with pytest.raises(UsageError, match="were merged with those of newer runs"):
        write_evaluation_page(output.out)


def test_ten_thousand_rows(output: Any, visit: Any) -> None:
    rows = some_rows(300)
    many = [
        replace(rows[number % 300], asset_id=f"asset-{number:05d}", key=f"{number:032x}", uri="")
        for number in range(10_500)
    ]
    write_evaluation(output, RUN, many, scores_of(rows))
    summary = write_evaluation_page(output.out)
    assert str(summary).endswith(f"2 scores of 10,500 rows, 10,000 of them in it, run {RUN}")
    page = visit().goto(f"{output.out}/report.html")
    assert count(page) == "1–60 of 10,000 rows"
    assert "10,000 of 10,500 rows are in this page" in page.locator(".sample").first.inner_text()
    page.fill("[name=search]", "asset-0777")
    assert 5 <= len(texts(page, ".scored-card .id")) <= 10
