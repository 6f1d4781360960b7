"""Sign flips: p-values of all choices of signs, as SciPy has them; false alarms one in twenty."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from bench.compare_alarms import KINDS, of_bleu, of_means
from transforms.comparison.sign_flips import FLIPS, flip_p_values, sign_flips

DIFFERENCES = st.one_of(
    st.sampled_from([-1.0, 0.0, 1.0]), st.sampled_from([-0.3, 0.6]), st.floats(-3, 3)
)


def p_of(differences: list[float], seed: int = 0) -> float:
    d = np.array(differences)
    keys = np.random.default_rng(seed).integers(0, 1 << 64, len(d), np.uint64)
    found = flip_p_values(d.sum(), d @ sign_flips(keys), np.abs(d).sum(), (d**2).sum())
    return float(found)


def exactly(differences: list[float]) -> float:
    """Mid-p over all choices of signs, one by one."""
    found = abs(math.fsum(differences))
    sums = [
        abs(math.fsum(sign * one for sign, one in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    slack = 1e-9 * math.fsum(map(abs, differences))
    if found <= slack:
        return 1.0
    beyond = sum(one > found + slack for one in sums)
    equal = sum(abs(one - found) <= slack for one in sums)
    return (beyond + equal / 2) / len(sums)


@settings(deadline=None, max_examples=40)
@given(st.lists(DIFFERENCES, min_size=1, max_size=9), st.integers(0, 1000))
def test_p_is_that_of_all_choices_of_signs(differences: list[float], seed: int) -> None:
    exact = exactly(differences)
    # Five standard errors of a share of so many flips.
    assert p_of(differences, seed) == pytest.approx(
        exact, abs=5 * math.sqrt(0.25 / FLIPS) if exact < 1 else 0
    )


@pytest.mark.parametrize("shift", [0.0, 0.4, 0.8])
def test_p_is_that_of_scipy_where_nothing_is_tied(shift: float) -> None:
    random = np.random.default_rng(3)
    for rows in (8, 11):
        a, b = random.normal(size=rows), random.normal(size=rows) + shift
        # All 2**rows choices; of those as far as what was found, itself and its opposite, SciPy
        # counts both whole, and mid-p half.
        found = permutation_test(
            (b, a),
            lambda x, y, axis: np.mean(x - y, axis=axis),
            permutation_type="samples",
            n_resamples=np.inf,
        )
        assert p_of(list(b - a)) == pytest.approx(found.pvalue - 2.0**-rows, abs=0.02)


def test_far_out_p_is_a_bound_that_is_never_too_small() -> None:
    for rows in (20, 40, 400):
        exact = 2.0**-rows  # mid-p of rows that all differ alike: half of the two
        assert exact <= p_of([0.5] * rows) <= 2 * math.exp(-rows / 2) * (1 + 1e-9)
    assert p_of([0.0] * 20) == 1
    assert p_of([1.0, -1.0] * 20) == 1


def test_signs_are_of_rows_and_fair() -> None:
    keys = np.random.default_rng(1).integers(0, 1 << 64, 200, np.uint64)
    signs = sign_flips(keys)
    assert signs.shape == (200, FLIPS)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    np.testing.assert_array_equal(sign_flips(keys[50:60]), signs[50:60])
    # Of rows, of flips, and of pairs of rows: within five standard errors of none.
    assert np.abs(signs.mean(axis=1)).max() < 5 / math.sqrt(FLIPS)
    assert np.abs(signs.mean(axis=0)).max() < 5 / math.sqrt(200)
    together = signs @ signs.T / FLIPS - np.eye(200)
    assert np.abs(together).max() < 5.5 / math.sqrt(FLIPS)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_false_alarms_are_one_in_twenty_and_intervals_cover(name: str) -> None:
    rates = of_means(KINDS[name], rows=60, simulations=1500, seed=5)
    # Three standard errors about 4 and 6 %. Where six rows differ, few outcomes are possible.
    least = 0.0 if name == "answers, 10 % differ" else 0.025
    assert least < rates.alarms < 0.078
    assert 0.905 < rates.covered <= 0.985
    assert rates.all_ties <= rates.alarms


def test_false_alarms_of_bleu_are_one_in_twenty() -> None:
    rates = of_bleu(rows=60, simulations=400, seed=5)
    assert 0.02 < rates.alarms < 0.09
    assert 0.9 < rates.covered < 0.985
