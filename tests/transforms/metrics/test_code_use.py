"""Codes that are used, and reconstructions, by plain counting."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from tests.transforms.metrics.test_combine import combined
from transforms.metrics.code_use import CodeUse, distinct_codes
from transforms.metrics.combine import AddSums
from transforms.metrics.likeness import LIKENESS_METRICS, score_likeness
from transforms.metrics.metric import values_of
from transforms.metrics.sums import Sums

CODES = st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=9), min_size=1, max_size=30)


@settings(deadline=None, max_examples=40)
@given(CODES, st.integers(1, 4), st.randoms(use_true_random=False))
def test_use_of_codes(pictures: list[list[int]], workers: int, draw: random.Random) -> None:
    codes = [np.array(one, np.int32) for one in pictures]
    keys = np.random.default_rng(1).integers(0, 1 << 64, len(codes), dtype=np.uint64)
    parts = [CodeUse.of([one], keys[[row]]) for row, one in enumerate(codes)]
    found = combined(AddSums(), parts, workers, draw)  # type: ignore[no-untyped-call]
    used, even = found.values()
    flat = np.concatenate(codes)
    assert used.value == len(set(flat.tolist()))
    assert math.isnan(used.low)
    assert even.value == pytest.approx(np.exp(entropy(np.bincount(flat))), rel=1e-12)
    assert even.count == used.count == len(codes)
    if not math.isnan(even.low):
        assert 1 <= even.low <= even.value <= even.high
    assert distinct_codes(codes)[:, 0].tolist() == [len(set(one)) for one in pictures]


def test_the_interval_of_perplexity_covers_what_many_pictures_have() -> None:
    draw = np.random.default_rng(2)
    shares = draw.dirichlet(np.ones(20))
    truth = float(np.exp(entropy(shares)))
    covered = 0
    for _ in range(200):
        codes = list(draw.choice(20, (200, 30), p=shares).astype(np.int32))
        keys = draw.integers(0, 1 << 64, 200, dtype=np.uint64)
        _, even = CodeUse.of(codes, keys).values()
        covered += even.low <= truth <= even.high
    assert 0.9 <= covered / 200 <= 0.99


def test_reconstructions_that_equal_their_source_have_no_part_in_the_mean_of_psnr() -> None:
    scores, statistics = score_likeness([30.0, math.inf, None, 20.0], [0.9, 1.0, 0.5, None])
    assert np.isnan(scores[2, 0])
    assert np.isnan(scores[3, 1])
    found = values_of(LIKENESS_METRICS, Sums.of(statistics, np.arange(4, dtype=np.uint64)))
    assert [one.metric for one in found] == ["psnr", "ssim", "exact"]
    assert [one.count for one in found] == [2, 3, 3]
    assert [one.value for one in found] == pytest.approx([25, 0.8, 1 / 3])
