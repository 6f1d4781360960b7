"""The page of an index: its card, its versions, and what could not be taken."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.index_page import MOST_FAILURES, MOST_VERSIONS, is_index, write_index_page
from schemas.errors import RunError
from tests.reports.indexes import CARD, an_index

WIDTHS = {"desktop": 1280, "phone": 390}


def put_failures(folder: Path, messages: list[str]) -> None:
    (folder / "failures").mkdir()
    table = pa.table({"asset_id": messages, "message": messages, "uri": messages})
    pq.write_table(table, folder / "failures" / "one.parquet")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_card_is_told(tmp_path: Path, visit: Any, width: int, scheme: str) -> None:
    index = an_index(tmp_path, replace(CARD, count=100), CARD)
    summary = write_index_page(index)
    assert str(summary) == f"{index}/report.html: version 2, 120,000 vectors"
    page = visit(width, scheme).goto(tmp_path / "report.html")
    shown = page.locator(".numbers").inner_text()
    for text in ("120,000", "5,000 more", "64", "0.961", "of 0.95", "0.213 ms", "37", "+ 272"):
        assert text in shown
    chosen = page.get_by_role("region", name="What was chosen").inner_text()
    assert CARD.factory in chosen
    assert CARD.why in chosen
    assert "48" in chosen
    recalls = page.locator(".recalls li").all_inner_texts()
    assert [text.split()[2:4] for text in recalls] == [
        ["1", "0.912"],
        ["10", "0.961"],
        ["100", "0.970"],
    ]
    assert "reached: 0.95 was asked for" in recalls[1]
    assert page.locator(".notice").count() == 0
    rows = page.locator(".runs tbody tr").all_inner_texts()
    assert len(rows) == 2
    assert "20" in rows[0]


def test_a_recall_that_is_missed_is_told(tmp_path: Path, visit: Any) -> None:
    an_index(tmp_path, replace(CARD, recall={1: 0.5, 10: 0.94}))
    write_index_page(str(tmp_path))
    page = visit().goto(tmp_path / "report.html")
    assert "0.940 of 0.95" in page.locator(".notice").inner_text()
    assert "missed: 0.95 was asked for" in page.locator(".recalls").inner_text()


def test_too_few_vectors_have_no_card(tmp_path: Path, visit: Any) -> None:
    summary = write_index_page(an_index(tmp_path, None), str(tmp_path / "card.html"))
    assert str(summary).endswith("card.html: version 1, too few vectors to measure")
    page = visit().goto(tmp_path / "card.html")
    assert "too few vectors to measure: 125,000" in page.locator(".notice").inner_text()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_texts_of_others_stay_texts(tmp_path: Path, output_at: Any, visit: Any, width: int) -> None:
    texts = list(output_at.hostile_texts)
    put_failures(Path(an_index(tmp_path, CARD, model=texts[0])), texts * 20)
    write_index_page(str(tmp_path))
    page = visit(width).goto(tmp_path / "report.html")
    assert texts[0] in page.locator("h1").inner_text()
    messages = page.locator(".taken .message")
    assert messages.count() == MOST_FAILURES
    assert messages.first.inner_text() == texts[0]
    assert "100 of 200" in page.locator(".taken .legend").inner_text()
    assert page.locator("script").count() == 0


def test_many_versions(tmp_path: Path, visit: Any) -> None:
    an_index(tmp_path, *[CARD] * (MOST_VERSIONS + 5))
    write_index_page(str(tmp_path))
    page = visit().goto(tmp_path / "report.html")
    assert page.locator(".runs tbody tr").count() == MOST_VERSIONS
    assert "The newest 50 of 55" in page.locator("#runs .note").inner_text()


def test_an_index_is_told_from_an_output(tmp_path: Path, output: Any) -> None:
    assert not is_index(str(tmp_path / "nowhere"))
    output.caption_run("20260301-020000-aaaaaa", rows=1)
    assert not is_index(output.out)
    assert is_index(an_index(tmp_path / "index", CARD))
    # Neighbours may be written into the index's own folder: then it is an output too.
    assert not is_index(an_index(Path(output.out), CARD))


def test_a_shard_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    index = an_index(tmp_path, CARD)
    (tmp_path / "shards" / "one" / "shard.json").unlink()
    with pytest.raises(RunError, match=r"A shard of .* has no record that can be read"):
        write_index_page(index)
