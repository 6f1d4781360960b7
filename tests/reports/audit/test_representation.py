"""Shares of labels beside a reference, against scipy."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from reports.audit.representation import LabelCounts, Representation, read_reference
from schemas.errors import CatalogError


def of(labels: Sequence[str | None], assets: int = 1 << 40, **reference: float) -> Representation:
    draw = np.random.default_rng(0)
    counted = LabelCounts()
    counted.add(labels, draw.integers(0, assets, len(labels), dtype=np.uint64))
    found = counted.result("a file", reference)
    assert found is not None
    return found


def test_shares_distance_and_chance_are_as_by_hand() -> None:
    found = of([*["a"] * 500, *["b"] * 300, *["c"] * 200, None, ""], a=1.0, b=1.0, c=2.0)
    assert (found.rows, found.unlabelled) == (1000, 2)
    assert [(one.label, one.rows, one.reference) for one in found.shares] == [
        ("a", 500, 0.25),
        ("b", 300, 0.25),
        ("c", 200, 0.5),
    ]
    assert found.distance == pytest.approx(0.3)
    squared = stats.chisquare([500, 300, 200], [250, 250, 500])
    assert found.effect == pytest.approx(math.sqrt(squared.statistic / 1000))
    # Assets hardly hang together by chance, so rows weigh all but as much as they are.
    assert squared.pvalue <= found.chance < 1e-60


def test_chance_of_few_pictures_is_drawn() -> None:
    found = of(["a"] * 6 + ["b"], a=0.5, b=0.5)
    assert found.chance >= stats.binomtest(6, 7).pvalue - 0.01
    assert of(["a", "b"], a=1.0, b=1.0).chance == pytest.approx(1, abs=0.01)
    assert of(["a"] * 9, a=1.0, b=1.0).chance == pytest.approx(2 * 0.5**9, abs=0.001)


@pytest.mark.parametrize(
    ("drawn", "distance"), [((500, 0, 0), 2 / 3), ((250, 250, 0), 1 / 3), ((0, 1, 499), 0.665)]
)
def test_labels_that_no_picture_has_are_seen(drawn: tuple[int, int, int], distance: float) -> None:
    labels = [name for name, count in zip("abc", drawn, strict=True) for _ in range(count)]
    found = of(labels, a=1.0, b=1.0, c=1.0)
    assert {one.label: one.rows for one in found.shares} == dict(zip("abc", drawn, strict=True))
    assert {one.reference for one in found.shares} == {1 / 3}
    assert found.distance == pytest.approx(distance, abs=0.001)
    squared = stats.chisquare(drawn)
    assert found.effect == pytest.approx(math.sqrt(squared.statistic / 500))
    assert found.chance < 1e-50


def test_chance_alone_is_below_five_percent_in_one_of_twenty() -> None:
    draw = np.random.default_rng(2)
    found = 0
    for _ in range(400):
        labels = [str(one) for one in draw.choice(4, 300, p=[0.4, 0.3, 0.2, 0.1])]
        counted = LabelCounts()
        counted.add(labels, draw.integers(0, 1 << 40, 300, dtype=np.uint64))
        shown = counted.result("", {"0": 0.4, "1": 0.3, "2": 0.2, "3": 0.1})
        assert shown is not None
        found += shown.chance < 0.05
    assert found / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert found > 0


def test_samples_of_one_request_hang_together() -> None:
    """Forty requests whose samples are all alike say no more than forty pictures."""
    draw = np.random.default_rng(3)
    labels = draw.integers(0, 2, 40).astype(str)
    hashes = draw.integers(0, 1 << 40, 40, dtype=np.uint64)
    counted = LabelCounts()
    counted.add([str(one) for one in np.repeat(labels, 25)], np.repeat(hashes, 25))
    shown = counted.result("", {"0": 0.5, "1": 0.5})
    assert shown is not None
    narrow = shown.shares[0].high - shown.shares[0].low
    assert narrow == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 40), rel=0.35)


def test_references(tmp_path: Path) -> None:
    file = tmp_path / "reference.csv"
    file.write_text("label,share\na red circle,1\nother,3\n")
    assert read_reference(str(file)) == {"a red circle": 1, "other": 3}
    with pytest.raises(CatalogError, match="no share above 0 for the label 'new'"):
        of(["new"], a=1.0)
    for content, held in (("", "no labels"), ("a,1", "only the label 'a'")):
        file.write_text(f"label,share\n{content}\n")
        with pytest.raises(CatalogError, match=f"holds {held}. A reference has two at least"):
            read_reference(str(file))
    for content in ("a,0", "a,-1", "a,x", "a,nan", ",1", "a,1\na,1"):
        file.write_text(f"label,share\n{content}\n")
        with pytest.raises(CatalogError, match="one row a label"):
            read_reference(str(file))
