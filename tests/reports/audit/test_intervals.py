"""Intervals and tests against scipy's, and how often chance alone makes a finding."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from reports.audit.disparity import Measure, counts, disparities
from reports.audit.intervals import (
    corrected,
    mean_difference,
    mean_interval,
    share_chance,
    share_difference,
    share_effect,
    share_interval,
)
from reports.audit.tally import GroupedSums

SCORE, SHARE = Measure(name="score", topic="quality"), Measure(name="refused", topic="safety")
two_counts = st.tuples(st.integers(1, 400), st.integers(1, 400)).flatmap(
    lambda rows: st.tuples(st.just(rows), st.integers(0, rows[0]), st.integers(0, rows[1]))
)


@settings(deadline=None)
@given(two_counts)
def test_shares_are_as_scipy_has_them(drawn: tuple[tuple[int, int], int, int]) -> None:
    (rows, other_rows), count, other = drawn
    expected = stats.binomtest(count, rows).proportion_ci(method="wilson")
    assert share_interval(count, rows) == pytest.approx((expected.low, expected.high), abs=1e-12)
    table = [[count, rows - count], [other, other_rows - other]]
    if 0 < count + other < rows + other_rows:
        likely = stats.chi2_contingency(table, correction=False)
        exact = stats.fisher_exact(table).pvalue
        wanted = exact if likely.expected_freq.min() < 5 else likely.pvalue
        assert share_chance(count, rows, other, other_rows) == pytest.approx(wanted, abs=1e-9)
    else:
        assert share_chance(count, rows, other, other_rows) == 1


def test_the_difference_of_shares_is_newcombes() -> None:
    # Newcombe 1998, table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/10.
    for numbers, low, high in (
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ):
        assert share_difference(*numbers) == pytest.approx((low, high), abs=5e-5)
    assert share_effect(0.5, 0.5) == 0
    assert share_effect(1, 0) == pytest.approx(math.pi)


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40),
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40),
)
def test_means_are_as_scipy_has_them(one: list[float], other: list[float]) -> None:
    deviations = [float(np.std(some, ddof=1)) for some in (one, other)]
    if min(deviations) < 1e-3:
        return
    low, high, chance = mean_difference(
        float(np.mean(one)),
        deviations[0],
        len(one),
        float(np.mean(other)),
        deviations[1],
        len(other),
    )
    tests = [stats.ttest_ind(one, other, equal_var=equal) for equal in (True, False)]
    assert chance == pytest.approx(max(test.pvalue for test in tests), abs=1e-9)
    spans = [test.confidence_interval() for test in tests]
    assert low == pytest.approx(min(span.low for span in spans), abs=1e-6)
    assert high == pytest.approx(max(span.high for span in spans), abs=1e-6)
    alone = stats.t.interval(0.95, len(one) - 1, np.mean(one), stats.sem(one))
    assert mean_interval(float(np.mean(one)), deviations[0], len(one)) == pytest.approx(alone)


def test_means_without_spread() -> None:
    assert mean_difference(1, 0, 5, 1, 0, 5) == (0, 0, 1)
    assert mean_difference(2, 0, 5, 1, 0, 5) == (1, 1, 0)


@pytest.mark.parametrize("scale", [1e-150, 1e-90, 1e90, 1e100])
def test_the_scale_of_scores_does_not_matter(scale: float) -> None:
    low, high, chance = mean_difference(2, 1, 40, 1.5, 3, 50)
    scaled = mean_difference(2 * scale, scale, 40, 1.5 * scale, 3 * scale, 50)
    assert scaled == pytest.approx((low * scale, high * scale, chance), rel=1e-9, abs=0)


@settings(deadline=None)
@given(st.lists(st.none() | st.floats(0, 1), max_size=30))
def test_the_correction_is_holms(chances: list[float | None]) -> None:
    after = corrected(chances)
    assert [one is None for one in after] == [one is None for one in chances]
    ordered = sorted(one for one in chances if one is not None)
    # By definition: the largest of what the value and those before it come to.
    expected = {
        value: max(min(1.0, ordered[at] * (len(ordered) - at)) for at in range(place + 1))
        for place, value in enumerate(ordered)
    }
    for one, value in zip(chances, after, strict=True):
        if one is not None:
            assert value == pytest.approx(expected[one])


def _alarms(values: NDArray[np.float64], groups: list[str], assets: NDArray[np.uint64]) -> bool:
    sums = GroupedSums("side", len(values))
    sums.add(groups, assets, values)
    compared = disparities(sums, [SCORE, SHARE])
    after = corrected([one.chance for one in compared])
    return any(counts(value, 1.0, 0.0) for value in after)


@pytest.mark.parametrize("rows_of_asset", [1, 5])
def test_chance_alone_makes_a_finding_in_one_audit_of_twenty(rows_of_asset: int) -> None:
    """Skewed scores and rare refusals, groups of 40 to 800 rows, alike but for chance."""
    draw = np.random.default_rng(rows_of_asset)
    audits, alarms = 300, 0
    sizes = np.array([40, 60, 100, 400, 800]) // rows_of_asset * rows_of_asset
    groups = [name for name, size in zip("abcde", sizes, strict=True) for _ in range(size)]
    count = len(groups)
    for _ in range(audits):
        assets = np.repeat(
            draw.integers(0, 1 << 63, count // rows_of_asset, dtype=np.uint64), rows_of_asset
        )
        # Rows of an asset are nearly copies of each other.
        of_asset = np.repeat(draw.lognormal(0, 1, count // rows_of_asset), rows_of_asset)
        score = of_asset * draw.uniform(0.9, 1.1, count)
        refused = np.repeat(draw.random(count // rows_of_asset) < 0.02, rows_of_asset)
        alarms += _alarms(np.stack([score, refused]), groups, assets)
    # Three standard errors above 5 %.
    assert alarms / audits <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / audits)


def test_a_few_rows_of_different_assets_count_each() -> None:
    sums = GroupedSums("", 1)
    sums.add([""] * 3, np.arange(3, dtype=np.uint64), np.array([[0.0, 5, 1]]))
    assert sums.figure(0).effective == pytest.approx(3)


def test_rows_of_one_asset_do_not_count_as_many() -> None:
    draw = np.random.default_rng(1)
    assets = draw.integers(0, 1 << 63, 2000, dtype=np.uint64)
    values = draw.normal(size=2000)
    alone, copied = GroupedSums("", 1), GroupedSums("", 1)
    alone.add([""] * 2000, assets, values[None])
    copied.add([""] * 8000, np.tile(assets, 4), np.tile(values, 4)[None])
    one, other = alone.figure(0), copied.figure(0)
    assert (one.rows, other.rows) == (2000, 8000)
    assert one.effective == pytest.approx(2000, rel=0.25)
    assert other.effective == pytest.approx(2000, rel=0.25)
    assert one.mean == pytest.approx(other.mean)


def test_figures_are_of_the_rows_that_have_the_measure() -> None:
    sums = GroupedSums("side", 2)
    values = np.array([[1.0, 0, np.nan, 1], [0.5, 2, 3, np.nan]])
    sums.add(["a", "b", "a", "b"], np.arange(4, dtype=np.uint64), values)
    sums.add(["c"], np.array([9], np.uint64), np.array([[0.0], [7.0]]))
    assert sums.is_share(0)
    assert not sums.is_share(1)
    a = sums.figure(1, "a")
    assert (a.rows, a.mean) == (2, 1.75)
    assert a.deviation == pytest.approx(float(np.std([0.5, 3], ddof=1)))
    others = sums.figure(1, "a", others=True)
    assert (others.rows, others.mean) == (2, 4.5)
    assert sums.figure(0).rows == 4
    # Of fewer than 30 rows means are shown and not tested; shares are.
    chances = {one.measure.name: one.chance for one in disparities(sums, [SHARE, SCORE])}
    assert chances["score"] is None
    assert chances["refused"] is not None
