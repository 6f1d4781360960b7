"""Every kind of page, by axe-core: nothing serious at two widths, in light and dark.

The data card of documents and the pages of a comparison and of an audit are checked where their
tests have made one: test_documents_page, test_comparison_page, audit/test_audit_page.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from easy_vqa import get_test_image_paths

from reports.duplicates_page import write_duplicates_page
from reports.evaluation_page import write_evaluation_page
from reports.filter_page import write_filter_page
from reports.index_page import write_index_page
from reports.page import write_report
from reports.search_page import Found, SearchPage, write_search_page
from schemas.failure import FailureKind
from schemas.verdict import Rule
from storage.index_rows import IndexedAsset
from storage.index_store import latest_record
from storage.store import open_store
from tests.reports.accessibility import check_page
from tests.reports.duplicates import write_duplicates
from tests.reports.evaluations import some_rows, write_evaluation
from tests.reports.indexes import CARD, an_index, write_index
from tests.verdicts import verdict, write_verdicts

RUN, NEWER, NEWEST = (f"2026030{day}-020000-aaaaaa" for day in (1, 2, 3))
PICTURES = [str(get_test_image_paths()[number]) for number in range(8)]
FAILURES = {FailureKind.NOT_FOUND: 2, FailureKind.TRUNCATED: 1}


def captions_and_answers(output: Any) -> None:
    output.caption_run(RUN, rows=2, failures=output.failures(FAILURES))
    output.answer_run(NEWER, pictures=1, asset="asset-{:05d}")
    output.unfinished_run(NEWEST)
    write_report(output.out)


def generations(output: Any) -> None:
    output.generate_run(RUN, requests=2, samples=2, failures=output.failures(FAILURES))
    write_report(output.out)


def _assets() -> list[IndexedAsset]:
    return [
        IndexedAsset(
            asset_id=f"known-{number}",
            uri=uri,
            text=f"text {number}",
            license="",
            source="",
            modality="image",
        )
        for number, uri in enumerate([*PICTURES[:4], "/gone.png"])
    ]


def neighbors(output: Any) -> None:
    index = write_index(Path(output.out) / "index", _assets(), embeddings="/gone")
    output.neighbors_run(RUN, index=index, rows=2, ids=[one.asset_id for one in _assets()])
    write_report(output.out)


def search(output: Any) -> None:
    index = write_index(Path(output.out) / "index", _assets(), embeddings="/gone")
    record = latest_record(open_store(index))
    assert record is not None
    found = tuple(
        Found(rank=rank, score=1 - rank / 10, asset=one) for rank, one in enumerate(_assets(), 1)
    )
    page = SearchPage(index=index, record=record, query="red", picture=b"", k=5, found=found)
    write_search_page(page, f"{output.out}/report.html")


def index_card(output: Any) -> None:
    write_index_page(an_index(Path(output.out), CARD, CARD))


def duplicates(output: Any) -> None:
    near = ([*PICTURES[:2], "/gone.png"], (0.0, 3.0, 5.0))
    write_duplicates_page(write_duplicates(Path(output.out), [near, (PICTURES[3:5], (0.0, 0.0))]))


def filtered(output: Any) -> None:
    rows = [
        verdict(
            f"{number}",
            [Rule.MIN_CLIP_SCORE] if number < 3 else [],
            clip_score=0.2 + number / 50,
            uri=PICTURES[number],
        )
        for number in range(6)
    ]
    write_verdicts(Path(output.out), rows, min_clip_score=0.25)
    write_filter_page(output.out)


def evaluation(output: Any) -> None:
    rows = some_rows(5)
    write_evaluation(output, RUN, rows[:3])
    write_evaluation(output, NEWER, rows, failures=output.failures(FAILURES))
    write_evaluation_page(output.out)


PAGES: dict[str, tuple[Callable[[Any], None], tuple[str, ...]]] = {
    "captions and answers": (captions_and_answers, ("#run0-tab",)),
    "generations": (generations, ()),
    "neighbors": (neighbors, ()),
    "search": (search, ()),
    "card of an index": (index_card, ()),
    "duplicates": (duplicates, ()),
    "filter": (filtered, ()),
    "evaluation": (evaluation, ("#tab-failures",)),
}
"""Each kind of page: what writes one to OUT/report.html, and what to press in it."""


@pytest.mark.parametrize("kind", PAGES)
def test_nothing_serious_is_found(output: Any, chromium: Any, kind: str) -> None:
    write, clicks = PAGES[kind]
    write(output)
    findings = check_page(chromium, f"{output.out}/report.html", *clicks)
    assert not findings, "\n\n".join(findings)


def test_the_check_finds_what_is_planted(output: Any, chromium: Any) -> None:
    index_card(output)
    page = Path(output.out) / "report.html"
    planted = '<img src="data:,"><p style="color:#777">pale</p><input>'
    sheet = "p[id=pale] { color: #ccc; background: #fff }"
    text = page.read_text().replace("</main>", f"{planted}<p id=pale>pale</p></main>")
    policy = text[text.index("<meta http-equiv") : text.index('<meta name="viewport"')]
    page.write_text(text.replace(policy, f"<style>{sheet}</style>"))
    found = "\n".join(check_page(chromium, page))
    assert found.count("image-alt (critical)") == 4
    assert found.count("label (critical)") == 4
    assert found.count("color-contrast (serious)") == 4
