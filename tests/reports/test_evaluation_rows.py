"""What an evaluation's page keeps of its rows, against NumPy and a sort of all of them."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import evaluation_rows
from reports.evaluation_rows import read_scored_rows
from reports.evaluation_scores import scale_of
from reports.output_folder import OutputFolder
from reports.value_counts import PLACES, ValueCounts, rounded
from storage.extremes import Extremes, key_numbers
from tests.reports.evaluations import row_score, score, some_rows, write_evaluation

RUN = "20260301-020000-aaaaaa"

values = st.lists(
    st.one_of(
        st.floats(-5, 5),
        st.floats(allow_nan=True, allow_infinity=True),
        st.integers(-3, 3).map(float),
        st.sampled_from([0.0, 1.0, 0.05, 0.3, 1e9, -1e11]),
    ),
    max_size=60,
)


@given(values, st.integers(1, 7))
def test_bins_count_what_lies_within_them(given_values: list[float], parts: int) -> None:
    counts = ValueCounts()
    for part in range(parts):
        counts.add(np.array(given_values[part::parts], np.float64))
    known = [value for value in given_values if math.isfinite(value) and abs(value) <= 1e12]
    assert counts.counted == len(known)
    bins = counts.bins()
    assert len(bins) <= 24
    assert sum(one.count for one in bins) == len(known)
    if not known:
        assert bins == []
        assert math.isnan(counts.mean)
        assert math.isnan(counts.median)
        return
    assert counts.mean == pytest.approx(float(np.mean(known)), rel=1e-9, abs=1e-9)
    shown = rounded(np.array(known))
    step = max(shown.max() - shown.min(), 0) / 2000 + 10**-PLACES
    assert counts.median == pytest.approx(float(np.sort(shown)[(len(known) - 1) // 2]), abs=step)
    for at, one in enumerate(bins):
        last = at == len(bins) - 1
        within = (shown >= one.low) & ((shown < one.high) | (last & (shown == one.high)))
        assert one.count == within.sum()


def test_a_share_has_bins_from_0_to_1() -> None:
    counts = ValueCounts()
    counts.add(np.array([0.0, 0.5, 1.0, 1.0]))
    bins = counts.bins()
    assert (len(bins), bins[0].low, bins[-1].high, bins[-1].count) == (20, 0.0, 1.0, 2)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, math.nan, math.inf]), st.integers(0, 99))),
    st.integers(1, 5),
    st.integers(1, 9),
)
def test_extremes_are_the_first_of_a_sort(
    rows: list[tuple[float, int]], limit: int, block: int
) -> None:
    kept = Extremes(limit)
    for start in range(0, len(rows), block):
        some = rows[start : start + block]
        orders = np.array([order for order, _ in some], np.float64)
        keys = np.array([key for _, key in some], np.uint64)
        for at in kept.candidates(orders, keys).tolist():
            kept.offer(float(orders[at]), int(keys[at]), some[at])
    finite = [row for row in rows if math.isfinite(row[0])]
    assert list(kept) == sorted(finite)[:limit]


@given(st.lists(st.integers(0, 2**128 - 1), max_size=9))
def test_key_numbers_are_the_last_digits(numbers: list[int]) -> None:
    found = key_numbers([f"{number:032x}" for number in numbers])
    assert found.tolist() == [number % 2**64 for number in numbers]


def test_the_worst_and_the_best_of_many_are_kept(
    output: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation_rows, "EXTREMES", 5)
    rows = some_rows(5000)
    write_evaluation(output, RUN, rows, [score("cider_d", 1.0)])
    folder = OutputFolder(output.out)
    found = read_scored_rows(folder, folder.manifests()[0], {"shelf=1": 0}, most=100)
    assert found.rows == 5000
    assert len(found.examples) == 100
    ids = [row["id"] for row in found.examples]
    assert len(set(ids)) == 100
    for metric in (0, 1):
        known = [row for row in rows if not math.isnan(row.scores[metric])]
        for sign in (1, -1):
            order = sorted(
                known, key=lambda row: (sign * row.scores[metric], int(row.key[16:], 16))
            )
            assert {row.asset_id for row in order[:5]} <= set(ids[:20])
    by_id = {row.asset_id: row for row in rows}
    for row in found.examples:
        expected = by_id[row["id"]].scores.round(4)
        shown = [math.nan if value is None else value for value in row["values"]]
        assert shown == pytest.approx(expected.tolist(), nan_ok=True)
        assert row["slices"] == ([0] if "shelf=1" in by_id[row["id"]].slices else [])
    # The others are those with the lowest keys: a uniform sample.
    lowest = sorted(rows, key=lambda row: row.key[16:] + row.key[:16])
    rest = [row["id"] for row in found.examples if row["id"] not in ids[:20]]
    assert rest == [row.asset_id for row in lowest if row.asset_id not in ids[:20]][: len(rest)]


def test_rows_with_other_scores_and_no_finite_one(output: Any) -> None:
    rows = [
        row_score("a", {"psnr": math.inf, "ssim": 1.0}),
        row_score("b", {"ssim": 0.5}),
        row_score("c", {}),
    ]
    write_evaluation(output, RUN, rows, [score("ssim", 0.75)])
    folder = OutputFolder(output.out)
    found = read_scored_rows(folder, folder.manifests()[0], {}, most=10)
    # A score that rows have is what they are ordered by at first.
    assert list(found.counts) == ["ssim", "psnr"]
    assert {row["id"]: row["values"] for row in found.examples} == {
        "a": [1.0, None],
        "b": [0.5, None],
        "c": [None, None],
    }


@pytest.mark.parametrize(
    ("value", "half", "scale"),
    [
        (0.3, 0.1, (0.0, 1.0)),
        (1.31, 0.2, (0.0, 2.0)),
        (23.0, 1.0, (0.0, 50.0)),
        (-0.02, 0.01, (-0.05, 1.0)),
        (math.nan, None, (0.0, 1.0)),
    ],
)
def test_scales_begin_at_0(value: float, half: float | None, scale: tuple[float, float]) -> None:
    assert scale_of([score("m", value, half=half)]) == pytest.approx(scale)
