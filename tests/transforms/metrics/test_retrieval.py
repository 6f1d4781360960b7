"""Retrieval as trec_eval scores it."""

import math
import random

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.metrics.metric import values_of
from transforms.metrics.retrieval import (
    CUTS,
    MOST_RANKS,
    RETRIEVAL_METRICS,
    RETRIEVAL_ROW_SCORES,
    score_retrieval,
)
from transforms.metrics.sums import Sums

QUERIES = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), min_size=1, max_size=12)


@settings(deadline=None, max_examples=60)
@given(QUERIES, st.randoms(use_true_random=False))
def test_scores_are_those_of_trec_eval(sizes: list[tuple[int, int]], draw: random.Random) -> None:
    names = [f"d{number}" for number in range(40)]
    found = [draw.sample(names, length) for length, _ in sizes]
    relevant = [draw.sample(names, count) for _, count in sizes]
    run = {
        f"q{place}": {name: 1.0 - rank / 100 for rank, name in enumerate(some)}
        for place, some in enumerate(found)
    }
    wanted = {f"q{place}": dict.fromkeys(some, 1) for place, some in enumerate(relevant)}
    measures = {"map", "recall.1,5,10", "success.1,5,10", "recip_rank"}
    expected = pytrec_eval.RelevanceEvaluator(wanted, measures).evaluate(run)
    scores, statistics = score_retrieval(found, relevant)
    for place, row in enumerate(scores.tolist()):
        mine = dict(zip(RETRIEVAL_ROW_SCORES, row, strict=True))
        # A query without any neighbour is none to trec_eval.
        theirs = expected.get(f"q{place}", {})
        assert mine["average_precision"] == pytest.approx(theirs.get("map", 0), abs=1e-9)
        reciprocal = 0.0 if math.isnan(mine["first_rank"]) else 1 / mine["first_rank"]
        assert reciprocal == pytest.approx(theirs.get("recip_rank", 0), abs=1e-9)
        for cut in CUTS:
            assert mine[f"recall_at_{cut}"] == pytest.approx(
                theirs.get(f"recall_{cut}", 0), abs=1e-9
            )
    keys = np.arange(len(found), dtype=np.uint64)
    values = {one.metric: one for one in values_of(RETRIEVAL_METRICS, Sums.of(statistics, keys))}
    rows = [expected.get(f"q{place}", {}) for place in range(len(found))]
    assert values["map"].value == pytest.approx(np.mean([row.get("map", 0) for row in rows]))
    for cut in CUTS:
        there = any(len(some) >= cut for some in found)
        assert (f"recall_at_{cut}" in values) is there
        if there:
            hits = np.mean([row.get(f"success_{cut}", 0) for row in rows])
            assert values[f"hit_rate_at_{cut}"].value == pytest.approx(hits)
    ranks = np.nan_to_num(scores[:, 1], nan=math.inf)
    median = np.quantile(ranks, 0.5, method="inverted_cdf")
    assert (
        values["median_rank"].value == median
        if math.isfinite(median)
        else ("median_rank" not in values)
    )


def test_what_comes_again_counts_once() -> None:
    scores, statistics = score_retrieval([["a", "a", "b"]], [["b", "b"]])
    assert scores[0].tolist() == [0.5, 2, 0, 1, 1]
    assert statistics.shape == (1, sum(len(one.statistics) for one in RETRIEVAL_METRICS))
    far = [*(f"x{number}" for number in range(MOST_RANKS)), "b"]
    scores, statistics = score_retrieval([far], [["b"]])
    assert scores[0, 1] == MOST_RANKS + 1
    values = values_of(RETRIEVAL_METRICS, Sums.of(statistics, np.array([1], np.uint64)))
    assert "median_rank" not in {one.metric for one in values}
