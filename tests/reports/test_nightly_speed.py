"""The nightly eye on speed: nights of any size in peace, slow ones found."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reports.nightly.compare import Comparison, compare
from reports.nightly.speed import fit_length
from tests.reports.nights import statistics, taken


def speed_of(
    rows: int, sizes: Sequence[int], generator: np.random.Generator, a_second: float = 50.0
) -> Comparison | None:
    earlier = [statistics([], size, taken(size, generator)) for size in sizes]
    found = compare(statistics([], rows, taken(rows, generator, a_second)), earlier)
    return next(iter(found), None)


@pytest.mark.parametrize("runs", [3, 11, 30])
@pytest.mark.parametrize(
    "draw",
    [
        lambda generator, runs: generator.normal(10_000, 300, runs),
        lambda generator, runs: generator.normal(10_000, 1500, runs),
        lambda generator, runs: np.exp(generator.uniform(np.log(60), np.log(10_000), runs)),
        lambda generator, runs: np.full(runs, 1000),
    ],
    ids=["alike", "about alike", "of all sizes", "the same"],
)
def test_nights_of_any_size_are_not_slow_at_the_same_speed(
    draw: Callable[[np.random.Generator, int], np.ndarray], runs: int
) -> None:
    generator = np.random.default_rng(8)
    spoken = alarming = 0
    for rows in (60, 150, 400, 1000, 2000, 5000, 10_000, 30_000) * 5:
        one = speed_of(rows, draw(generator, runs).astype(int).tolist(), generator)
        spoken += one is not None
        alarming += one is not None and one.is_unusual
    assert spoken
    assert alarming <= 1  # of 40, each with a chance of 0.5 % at most


@pytest.mark.parametrize("runs", [3, 8, 30])
def test_a_night_of_the_usual_size_at_half_the_speed_is_slow(runs: int) -> None:
    generator = np.random.default_rng(9)
    for _ in range(10):
        sizes = generator.normal(10_000, 300, runs).astype(int).tolist()
        one = speed_of(10_000, sizes, generator, a_second=25.0)
        assert one is not None
        assert one.is_unusual
        assert one.usual == pytest.approx(10_000 / (15 + 200), rel=0.1)


def test_of_nights_of_many_sizes_the_usual_speed_of_each_size_is_known() -> None:
    generator = np.random.default_rng(10)
    sizes = np.exp(generator.uniform(np.log(60), np.log(10_000), 30)).astype(int).tolist()
    for rows in (60, 300, 1000, 5000, 20_000):
        one = speed_of(rows, sizes, generator)
        assert one is not None
        assert one.usual == pytest.approx(rows / (15 + rows / 50), rel=0.15)
        slow = speed_of(rows, sizes, generator, a_second=10.0)
        assert slow is not None
        assert slow.is_unusual == (rows >= 300)  # of 60 rows almost all of the time is fixed


def test_of_a_night_unlike_all_others_in_size_no_speed_is_told() -> None:
    generator = np.random.default_rng(11)
    for rows in (60, 100_000):
        assert speed_of(rows, [10_000 + 10 * one for one in range(30)], generator) is None
        assert speed_of(rows, [10_000] * 30, generator) is None


@given(
    st.lists(st.tuples(st.integers(50, 100_000), st.floats(1e-3, 1e5)), min_size=1, max_size=30),
    st.integers(50, 100_000),
)
@example([(50 + one, 1e-3) for one in range(30)], 60)
@example([(50 + one // 18 * one, 1.0 + one // 18 * one) for one in range(30)], 60)
def test_neither_fixed_time_nor_slope_is_negative(
    nights: list[tuple[int, float]], rows: int
) -> None:
    length = fit_length(nights, 0.999)
    assert 0 <= length.least <= length.slope <= length.most
    assert 0 < length.usual(rows) <= length.longest(rows) * (1 + 1e-9)
    # More rows never take less time, and never more than in proportion.
    assert length.usual(rows) <= length.usual(2 * rows) <= 2 * length.usual(rows) * (1 + 1e-9)
