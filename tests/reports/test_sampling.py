"""The sample is the lowest keys, however they come."""

import random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.sampling import LowestKeys


def _sort_key(key: str) -> str:
    return key[16:] + key[:16]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(0, 60), st.integers(1, 20), st.integers(0, 25), st.booleans()
)
def test_keeps_preferred_then_lowest_keys(
    seed: int, rows: int, limit: int, preferred: int, in_batches: bool
) -> None:
    chance = random.Random(seed)
    keys = [format(chance.getrandbits(128), "032x") for _ in range(rows)]
    first = frozenset(chance.sample(keys, min(preferred, rows)))
    sample = LowestKeys(limit, first)
    for start in range(0, rows, 7):
        batch = keys[start : start + 7]
        positions = (
            sample.candidates(pa.array(batch, pa.string())) if in_batches else range(len(batch))
        )
        for position in positions:
            sample.offer(batch[position], {"key": batch[position]})
    expected = sorted(first, key=_sort_key) + sorted(set(keys) - first, key=_sort_key)
    assert [row["key"] for row in sample] == expected[:limit]


def test_candidates_become_few() -> None:
    chance = random.Random(1)
    sample = LowestKeys(10)
    offered = 0
    for _ in range(50):
        keys = [format(chance.getrandbits(128), "032x") for _ in range(200)]
        for position in sample.candidates(pa.array(keys)):
            offered += 1
            assert sample.accepts(keys[position]) or offered > 10
            sample.offer(keys[position], {})
    assert offered < 1000  # of 10,000
    assert len(sample) == 10


def test_shares_the_order_of_the_thumbnails_sample() -> None:
    low_second = "f" * 16 + "0" * 16
    low_first = "0" * 16 + "f" * 16
    sample = LowestKeys(1)
    sample.offer(low_first, {"key": low_first})
    sample.offer(low_second, {"key": low_second})
    assert [row["key"] for row in sample] == [low_second]
