"""Sets of vectors: Frechet distance and how they cover each other, by somebody else's code."""

import contextlib
import io
import math
import random
from typing import Any

import numpy as np
import prdc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from tests.transforms.metrics.test_combine import combined
from transforms.metrics import picture_sets
from transforms.metrics.combine import AddSums
from transforms.metrics.frechet import frechet_distance, frechet_value
from transforms.metrics.jackknife import block_of
from transforms.metrics.manifold import NEAREST, cover
from transforms.metrics.moments import BlockMoments, Moments
from transforms.metrics.picture_sets import SET_METRICS, PictureSets, VectorSet

SEEDS = st.integers(0, 1 << 30)


def keys_of(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 64, rows, dtype=np.uint64)


def some_vectors(rows: int, dimension: int, seed: int) -> np.ndarray:
    """Correlated, off the origin, some directions a thousand times as wide as others."""
    draw = np.random.default_rng(seed)
    mixed = draw.normal(size=(dimension, dimension)) * np.logspace(0, -3, dimension)
    found: np.ndarray = draw.normal(size=(rows, dimension)) @ mixed + draw.normal(size=dimension)
    return found


def direct(one: np.ndarray, other: np.ndarray) -> float:
    """The formula as it stands, with scipy's square root of a matrix."""
    of_one, of_other = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = sqrtm(np.atleast_2d(of_one @ of_other) if of_one.ndim else [[of_one * of_other]])
    apart = one.mean(axis=0) - other.mean(axis=0)
    return float(apart @ apart + np.trace(np.atleast_2d(of_one + of_other) - 2 * np.real(root)))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 24), SEEDS)
def test_frechet_distance_is_scipys(dimension: int, seed: int) -> None:
    one = some_vectors(4 * dimension + 3, dimension, seed)
    other = some_vectors(3 * dimension + 5, dimension, seed + 1)
    found = frechet_distance(Moments.of(one), Moments.of(other))
    assert found == pytest.approx(direct(one, other), rel=1e-6, abs=1e-6)
    assert frechet_distance(Moments.of(one), Moments.of(one)) == pytest.approx(0, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 12), st.integers(2, 12), SEEDS)
def test_frechet_distance_of_fewer_vectors_than_dimensions(
    rows: int, others: int, seed: int
) -> None:
    one, other = some_vectors(rows, 40, seed), some_vectors(others, 40, seed + 1)
    # tr (S1 S2)^(1/2) is the sum of the singular values of the deviations' products.
    of_one = (one - one.mean(axis=0)) / math.sqrt(rows - 1)
    of_other = (other - other.mean(axis=0)) / math.sqrt(others - 1)
    apart = one.mean(axis=0) - other.mean(axis=0)
    root = np.linalg.svd(of_one @ of_other.T, compute_uv=False).sum()
    expected = apart @ apart + (of_one**2).sum() + (of_other**2).sum() - 2 * root
    found = frechet_distance(Moments.of(one), Moments.of(other))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 60),
    st.integers(1, 4),
    # Far from the origin sums of squares would cancel; here only the numbers' own digits are lost.
    st.sampled_from([(0.0, 1e-12), (1e4, 1e-10)]),
    st.randoms(use_true_random=False),
)
def test_moments_do_not_depend_on_how_rows_are_parted_and_merged(
    rows: int, workers: int, apart: tuple[float, float], draw: random.Random
) -> None:
    offset, bound = apart
    vectors = some_vectors(rows, 6, draw.randrange(1000)) + offset
    keys = keys_of(rows, draw.randrange(1000))
    order = np.array(draw.sample(range(rows), rows))
    parts = [
        BlockMoments.of(vectors[some], keys[some])
        for some in np.array_split(order, draw.randint(1, rows))
    ]
    found = combined(AddSums(), parts, workers, draw)  # type: ignore[no-untyped-call]
    whole = Moments.merge(found.of_each())
    assert whole.count == rows
    np.testing.assert_allclose(whole.mean, vectors.mean(axis=0), rtol=1e-12, atol=1e-12)
    if rows > 1:
        expected = np.cov(vectors, rowvar=False)
        size = max(float(np.trace(expected)), 1.0)
        np.testing.assert_allclose(whole.covariance(), expected, rtol=0, atol=bound * size)
    for block, moments in enumerate(found.of_each()):
        assert moments.count == (block_of(keys) == block).sum()


@settings(deadline=None, max_examples=30)
@given(st.integers(NEAREST + 2, 60), st.integers(NEAREST + 2, 60), st.integers(1, 8), SEEDS)
def test_balls_are_those_of_prdc(rows: int, others: int, dimension: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    generated = draw.normal(size=(rows, dimension))
    reference = draw.normal(size=(others, dimension)) * 1.3 + 0.4
    of_generated, of_reference = cover(generated, reference)
    with contextlib.redirect_stdout(io.StringIO()):
        expected = prdc.compute_prdc(reference, generated, nearest_k=NEAREST)
    assert of_generated.mean(axis=0) == pytest.approx(
        [expected["precision"], expected["density"]], abs=1e-12
    )
    assert of_reference.mean(axis=0) == pytest.approx(
        [expected["recall"], expected["coverage"]], abs=1e-12
    )


def test_balls_do_not_depend_on_how_many_rows_are_taken_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(0)
    generated, reference = draw.normal(size=(50, 3)), draw.normal(size=(60, 3))
    whole = cover(generated, reference)
    monkeypatch.setattr("transforms.metrics.manifold._ROWS_AT_ONCE", 7)
    for one, other in zip(cover(generated, reference), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def values(generated: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    sets = PictureSets.merge(
        [
            PictureSets(generated=VectorSet.of(generated, keys_of(len(generated), 1))),
            PictureSets(reference=VectorSet.of(reference, keys_of(len(reference), 2))),
        ]
    )
    return {value.metric: value for value in sets.values()}


def test_sets_of_one_row_and_of_equal_rows() -> None:
    draw = np.random.default_rng(0)
    many = draw.normal(size=(40, 5)).astype(np.float32)
    assert values(many[:1], many) == {}
    few = values(many[:2], many)
    assert list(few) == ["frechet_distance"]
    equal = np.repeat(many[:1], 30, axis=0)
    found = values(equal, many)
    assert list(found) == list(SET_METRICS)
    # All in one point, which is one of the reference: inside its ball, and covering few of them.
    assert found["precision"].value == 1
    assert found["recall"].value == 0
    assert 0 < found["coverage"].value < 0.5
    moved = many[:1].astype(np.float64) - many.mean(axis=0, dtype=np.float64)
    spread = np.trace(np.cov(many.astype(np.float64), rowvar=False))
    assert found["frechet_distance"].value == pytest.approx((moved**2).sum() + spread, rel=1e-9)
    same = values(equal, equal)
    assert same["frechet_distance"].value == 0
    # Balls without extent hold nothing, as the definition has it.
    assert [same[name].value for name in ("precision", "recall", "coverage")] == [0, 0, 0]


def test_a_sample_is_of_the_lowest_keys_however_it_is_parted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(picture_sets, "MOST_SAMPLED", 10)
    vectors, keys = np.arange(100, dtype=np.float32)[:, None], keys_of(100)
    whole = VectorSet.of(vectors, keys)
    parts = [VectorSet.of(vectors[some], keys[some]) for some in np.array_split(range(100), 9)]
    merged = VectorSet.merge([VectorSet.merge(parts[4:]), *parts[:4]])
    np.testing.assert_array_equal(merged.keys, np.sort(keys)[:10])
    np.testing.assert_array_equal(merged.sample, whole.sample)


def test_the_interval_of_the_distance_covers_its_mean() -> None:
    """Of sets of this size: with more pictures the distance itself is lower."""
    draw = np.random.default_rng(3)
    found = []
    for _ in range(200):
        generated = draw.normal(size=(250, 4)) * 1.2 + 0.3
        reference = draw.exponential(size=(250, 4))
        moments = [
            BlockMoments.of(some, draw.integers(0, 1 << 64, len(some), dtype=np.uint64))
            for some in (generated, reference)
        ]
        found.append(frechet_value(*moments))
    mean = np.mean([value.value for value in found if value])
    covered = np.mean([value.low <= mean <= value.high for value in found if value])
    assert len(found) == 200
    assert 0.91 <= covered <= 0.985
