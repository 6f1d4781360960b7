"""The page of an audit as a visitor meets it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.cli import run
from tests.reports.accessibility import check_page

HOSTILE = '<img src=x onerror="document.title=1"> & \u202e' + "long" * 60


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of results in which each kind of thing is found, with hostile names in them."""
    folder = tmp_path_factory.mktemp("audit")
    count = 600
    texts = [
        "I'm sorry, I can't help."
        if number % 6 == 3
        else f"a {'woman' if number % 5 else 'man'} is {'cooking' if number % 7 else 'sitting'} "
        f"in the garden of the old house {HOSTILE}"
        for number in range(count)
    ]
    table = {
        "asset_id": [f"{HOSTILE} {number}" for number in range(count)],
        "text": texts,
        HOSTILE: [HOSTILE if number % 3 == 0 else f"other {number % 2}" for number in range(count)],
        "license": ["", HOSTILE, "CC0"] * (count // 3),
    }
    pq.write_table(pa.table(table), folder / "results.parquet")
    pq.write_table(pa.table({"text": [texts[0]]}), folder / "training.parquet")
    labels = [("circle" if number % 4 else HOSTILE) for number in range(count)]
    ids = table["asset_id"]
    pq.write_table(pa.table({"asset_id": ids, "label": labels}), folder / "labels.parquet")
    page = folder / "audit.html"
    shares = pa.table({"label": ["circle", HOSTILE, "triangle"], "share": [1, 1, 1]})
    pq.write_table(shares, folder / "shares.parquet")
    arguments = ["--by", HOSTILE, "--training-texts", folder / "training.parquet"]
    arguments += ["--label-file", folder / "labels.parquet", "--allow-license", "CC0"]
    arguments += ["--reference", folder / "shares.parquet"]
    code = run(["audit", str(folder / "results.parquet"), *map(str, arguments), "--to", str(page)])
    assert code == 3
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_all_of_it_is_there_and_nothing_runs(
    audited: Path, visit: Any, width: int, scheme: str
) -> None:
    page = visit(width, scheme).goto(audited)
    headings = page.locator("h2").all_inner_texts()
    assert headings[0] == "What was found"
    assert headings[-1] == "What an audit cannot show"
    assert len(headings) == 8
    assert page.locator(".limits li").count() >= 5
    assert page.locator(".findings li").count() > 4
    never = page.locator("tr", has_text="triangle")
    assert never.locator("td").all_inner_texts()[:2] == ["0", "0.0 %"]
    refusals = page.locator("tr.counts", has_text="refused")
    assert refusals.count() == 3
    assert page.title().startswith("Audit of ")
    assert page.locator("img, script").count() == 0
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    # Each figure has a name for who does not see the table.
    for table in page.locator("table").all():
        assert table.locator("caption").inner_text()
        assert table.locator("tbody th[scope=row]").count() == table.locator("tbody tr").count()


def test_nothing_serious_is_found_by_axe(audited: Path, chromium: Any) -> None:
    findings = check_page(chromium, audited)
    assert not findings, "\n\n".join(findings)


def test_with_the_keyboard_alone(audited: Path, visit: Any) -> None:
    page = visit().goto(audited)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "What an audit cannot show"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    opened = page.evaluate("document.activeElement.parentElement.open")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is not opened
