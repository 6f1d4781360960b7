"""The page of a search for duplicates: what it chooses to show, and how."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from easy_vqa import get_test_image_paths

from pipelines.cli import run as calumma
from reports.duplicates_page import (
    CLOSEST_CALLS,
    MOST_MEMBERS,
    is_of_duplicates,
    write_duplicates_page,
)
from tests.reports.duplicates import write_duplicates

PICTURES = [str(path) for _, path in sorted(get_test_image_paths().items())]
HOSTILE = '<img src=x onerror="alert(1)"> & "a" \u202e' + "long" * 60


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., str]:
    """Makes outputs of a search that found clusters."""
    return functools.partial(write_duplicates, tmp_path / "out")


def shown(page: Any, name: str) -> list[list[str]]:
    """The ids of each cluster of a list, in the page's order."""
    return [
        one.locator(".id").all_inner_texts()
        for one in page.locator(f"section[aria-labelledby={name}-title] .cluster").all()
    ]


def test_the_closest_calls_and_the_largest_clusters(found: Callable[..., str], visit: Any) -> None:
    near = [0.05 * number + 0.01 for number in range(CLOSEST_CALLS + 10)]
    many = [(PICTURES[:2], (0.0, difference)) for difference in near]
    large = [PICTURES[0]] * 12, (0.0, *(0.001 * number for number in range(11)))
    out = found([*many, large, (PICTURES[5:8], (0.0, 0.0, 7.5))], files=3)
    assert calumma(["report", out]) == 0
    page = visit().goto(f"{out}/report.html")
    assert page.locator("h1").inner_text() == "63 of 1,000 pictures are left out"
    farthest, *others = shown(page, "closest")
    last = len(many)
    assert farthest == [f"{last + 1:03d}-0", f"{last + 1:03d}-2", f"{last + 1:03d}-1"]
    assert others == [
        [f"{number:03d}-0", f"{number:03d}-1"]
        for number in range(last - 1, last - CLOSEST_CALLS, -1)
    ]
    first, second = shown(page, "largest")
    assert first == [f"{last:03d}-{place}" for place in (0, *range(11, 11 - MOST_MEMBERS, -1))]
    assert second == farthest
    assert page.locator(".cluster .note").inner_text() == (
        f"12 pictures, of which the kept one and the {MOST_MEMBERS} least like it are shown."
    )
    # What is farther than two near ones may be, by way of others, counts in the last bar.
    near += [*(0.001 * number for number in range(1, 11)), 5.9]
    counts = [int(text) for text in page.locator(".recalls .amount").all_inner_texts()]
    lows = [0.5 * bar for bar in range(12)]
    assert counts == [sum(low <= one < low + 0.5 for one in near) for low in lows]
    assert page.locator(".picture img").count() == page.locator(".found li").count()


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_and_pictures_that_are_gone(
    found: Callable[..., str], visit: Any, width: int
) -> None:
    out = found([((PICTURES[0], f"/gone/{HOSTILE}"), (0.0, 3.0))], catalog=HOSTILE)
    write_duplicates_page(out)
    page = visit(width).goto(f"{out}/report.html")
    assert page.locator(".picture img").count() == 1
    assert "There is no file /gone/" in page.locator(".picture .why").inner_text()
    assert page.locator("img[src=x]").count() == 0


def test_a_catalog_elsewhere_brings_no_file_of_this_machine(
    found: Callable[..., str], visit: Any
) -> None:
    out = found([(PICTURES[:2], (0.0, 3.0))], catalog="s3://bucket/catalog.parquet")
    write_duplicates_page(out)
    page = visit().goto(f"{out}/report.html")
    told = page.locator(".picture .why").all_inner_texts()
    assert len(told) == 2
    assert all("which only a local catalog may name" in one for one in told)


def test_nothing_alike(found: Callable[..., str], visit: Any) -> None:
    out = found([])
    assert is_of_duplicates(out)
    assert str(write_duplicates_page(out)) == f"{out}/report.html: 0 clusters of duplicates"
    page = visit().goto(f"{out}/report.html")
    assert page.locator(".empty").inner_text() == "No two pictures show the same."
    assert page.locator("h1").inner_text() == "0 of 1,000 pictures are left out"


def test_other_outputs_have_their_own_page(output: Any) -> None:
    output.caption_run("20260301-020000-aaaaaa", rows=1)
    assert not is_of_duplicates(str(output.out))
