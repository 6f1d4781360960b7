"""Sums with bootstrap replicates: exact, whatever the order, and with intervals that cover."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from transforms.metrics.interval import interval
from transforms.metrics.metric import mean_of, share_of, values_of
from transforms.metrics.poisson_weights import REPLICATES, poisson_weights
from transforms.metrics.sums import LARGEST, Sums, sums_by_group

VALUES = st.floats(-LARGEST, LARGEST, allow_nan=False)


def keys_of(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 64, rows, dtype=np.uint64)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=40),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_sums_do_not_depend_on_how_rows_are_parted_and_merged(
    rows: list[tuple[float, float]], parts: int, draw: random.Random
) -> None:
    keys = keys_of(len(rows))
    statistics = np.array(rows)
    whole = Sums.of(statistics, keys)
    order = np.array(draw.sample(range(len(rows)), len(rows)))
    cut = [Sums.of(statistics[some], keys[some]) for some in np.array_split(order, parts)]
    while len(cut) > 1:
        draw.shuffle(cut)
        taken = draw.randrange(2, len(cut) + 1)
        cut = [Sums.merge(cut[:taken]), *cut[taken:]]
    # Not to 1e-12 but to the last bit.
    np.testing.assert_array_equal(cut[0].values(), whole.values())
    assert cut[0].rows == len(rows)
    exact = [math.fsum(column) for column in statistics.T]
    np.testing.assert_allclose(whole.values()[0], exact, rtol=1e-15, atol=1e-12 * len(rows))


def test_replicates_are_weighted_sums() -> None:
    statistics = np.random.default_rng(1).normal(size=(1300, 3))
    keys = keys_of(1300)
    groups = np.random.default_rng(2).integers(0, 3, 1300)
    for group, sums in enumerate(sums_by_group(statistics, keys, groups, 4)):
        mine = groups == group
        plain = poisson_weights(keys[mine]).T @ statistics[mine]
        np.testing.assert_allclose(sums.values()[1:], plain, atol=1e-9)
        np.testing.assert_allclose(sums.values()[0], statistics[mine].sum(axis=0), atol=1e-9)
        assert sums.rows == mine.sum()


def test_weights_are_drawn_from_a_poisson_distribution() -> None:
    weights = poisson_weights(np.arange(4000, dtype=np.uint64))
    assert weights.shape == (4000, REPLICATES)
    shares = np.bincount(weights.astype(int).ravel(), minlength=9) / weights.size
    expected = [math.exp(-1) / math.factorial(count) for count in range(9)]
    np.testing.assert_allclose(shares[:9], expected, atol=2e-3)
    assert weights.mean() == pytest.approx(1, abs=2e-3)
    assert weights.var() == pytest.approx(1, abs=4e-3)
    # Neighbouring keys and replicates have nothing to do with each other.
    centred = weights - 1
    assert abs((centred[1:] * centred[:-1]).mean()) < 3e-3
    assert abs((centred[:, 1:] * centred[:, :-1]).mean()) < 3e-3
    assert abs((centred[:, 4:] * centred[:, :-4]).mean()) < 3e-3


@pytest.mark.parametrize("value", [math.nan, math.inf, 2 * LARGEST])
def test_what_cannot_be_added_exactly_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not finite, or larger than 262144"):
        Sums.of(np.array([[value]]), keys_of(1))


@pytest.mark.parametrize("rows", [12, 300])
def test_the_interval_covers_the_truth_as_often_as_it_says(rows: int) -> None:
    draw = np.random.default_rng(5)
    studies, covered = 1500, 0
    for study in range(studies):
        # Skewed, as scores are: a mean of 0.2.
        scores = draw.beta(1, 4, rows)
        statistics = np.column_stack([np.ones(rows), scores])
        (value,) = values_of([mean_of("x")], Sums.of(statistics, keys_of(rows, study)))
        assert value.value == pytest.approx(scores.mean(), abs=1e-12)
        covered += value.low <= 0.2 <= value.high
    low, high = (0.9, 0.97) if rows < 30 else (0.93, 0.97)
    assert low <= covered / studies <= high


@pytest.mark.parametrize(
    ("share", "rows", "most"), [(0.99, 100, 1), (0.98, 100, 1), (0.95, 30, 1), (0.5, 200, 0.97)]
)
def test_the_interval_of_a_share_covers_it_near_one_too(
    share: float, rows: int, most: float
) -> None:
    draw = np.random.default_rng(6)
    studies, covered = 400, 0
    for study in range(studies):
        right = (draw.random(rows) < share).astype(float)
        statistics = np.column_stack([np.ones(rows), right])
        (value,) = values_of([share_of("x")], Sums.of(statistics, keys_of(rows, study)))
        low, high = binomtest(int(right.sum()), rows).proportion_ci(method="wilson")
        assert value.low <= low + 1e-9
        assert value.high >= high - 1e-9
        covered += value.low <= share <= value.high
    # Of few shares that can come out, none hits 95 % just.
    assert 0.93 <= covered / studies <= most


def test_a_median_beyond_what_is_told_has_no_interval() -> None:
    assert all(map(math.isnan, interval(np.array([1.0] * 900 + [math.inf] * 100), 50)))
    low, high = interval(np.array([1.0] * 990 + [math.inf] * 10), 50)
    assert (low, high) == (1, 1)


def test_few_rows_have_wide_intervals_and_one_has_none() -> None:
    replicates = np.random.default_rng(3).normal(size=1000)
    widths = [np.diff(interval(replicates, rows))[0] for rows in (2, 3, 5, 10, 30, 1_000_000)]
    assert widths == sorted(widths, reverse=True)
    assert interval(replicates, 2) == (replicates.min(), replicates.max())
    assert widths[-1] == pytest.approx(2 * 1.96, rel=0.1)
    assert all(map(math.isnan, interval(replicates, 1)))
    assert all(map(math.isnan, interval(np.full(1000, math.nan), 5)))


def test_equal_rows_have_an_interval_of_no_width() -> None:
    statistics = np.column_stack([np.ones(50), np.full(50, 0.3)])
    (value,) = values_of([mean_of("x")], Sums.of(statistics, keys_of(50)))
    assert value.low == pytest.approx(0.3)
    assert value.high == pytest.approx(0.3)
