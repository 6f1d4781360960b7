"""Many slices, few rows: Holm by its definition, power by the normal distribution, t by SciPy."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, ttest_rel

from transforms.comparison.bootstrap import bootstrap_p_value, standard_error
from transforms.comparison.holm import holm
from transforms.comparison.power import detectable, rows_needed
from transforms.metrics.poisson_weights import poisson_weights


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_is_bonferroni_closed_over_all_sets_of_slices(p_values: list[float]) -> None:
    # A slice is real if every set of slices that it is in is, by Bonferroni (Marcus et al. 1976).
    places = range(len(p_values))
    sets = [
        some
        for size in range(1, len(p_values) + 1)
        for some in itertools.combinations(places, size)
    ]
    expected = [
        max(
            min(1.0, len(some) * min(p_values[one] for one in some))
            for some in sets
            if place in some
        )
        for place in places
    ]
    assert holm(p_values) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("difference", "error", "rows"), [(0.1, 0.1, 50), (-0.02, 0.01, 1000)])
def test_so_many_rows_find_it_in_80_of_100_cases(
    difference: float, error: float, rows: int
) -> None:
    def power(count: int) -> float:
        return float(norm.sf(norm.ppf(0.975) - abs(difference) / (error * math.sqrt(rows / count))))

    needed = rows_needed(difference, error, rows)
    assert needed is not None
    assert power(needed) >= 0.8 > power(needed - 1)
    smallest = detectable(error)
    assert float(norm.sf(norm.ppf(0.975) - smallest / error)) == pytest.approx(0.8)
    assert rows_needed(0.0, error, rows) is None
    assert rows_needed(0.1, 0.0, rows) is None


def test_a_mean_s_p_by_the_bootstrap_is_that_of_a_paired_t_test() -> None:
    random = np.random.default_rng(4)
    for rows, shift in ((12, 0.5), (200, 0.1)):
        a, b = random.normal(size=rows), random.normal(size=rows) + shift
        keys = random.integers(0, 1 << 64, rows, np.uint64)
        weights = poisson_weights(keys)
        replicates = (b - a) @ weights / weights.sum(axis=0)
        error = standard_error(replicates, rows)
        expected = ttest_rel(b, a)
        found = bootstrap_p_value(float((b - a).mean()), error, rows)
        assert found == pytest.approx(expected.pvalue, rel=0.35)
        assert (b - a).mean() / error == pytest.approx(expected.statistic, rel=0.12)


def test_what_cannot_be_told_has_no_p() -> None:
    assert bootstrap_p_value(0.1, math.nan, 1) is None
    assert bootstrap_p_value(0.1, 0.0, 10) is None
    assert bootstrap_p_value(0.0, 0.0, 10) == 1
    assert math.isnan(standard_error(np.array([math.nan, 1.0]), 5))
