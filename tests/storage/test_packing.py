"""Packing documents into sequences."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.packing import pack
from tests.oracles.bin_packing import first_fit_decreasing

_WINDOW = 1024


@given(st.data())
def test_documents_lie_side_by_side_and_in_the_context(data: st.DataObject) -> None:
    context = data.draw(st.integers(1, 50))
    lengths = data.draw(st.lists(st.integers(1, context), max_size=60))
    places = pack(lengths, context)
    assert len(places) == len(lengths)
    taken: dict[int, list[range]] = {}
    for place, length in zip(places, lengths, strict=True):
        taken.setdefault(place.sequence, []).append(range(place.start, place.start + length))
    assert sorted(taken) == list(range(len(taken)))
    for spans in taken.values():
        ends = 0
        for span in sorted(spans, key=lambda one: one.start):
            assert span.start == ends
            ends = span.stop
        assert ends <= context


@pytest.mark.parametrize(
    ("context", "picture", "texts"), [(4096, 1027, 80), (4096, 1027, 300), (512, 67, 20)]
)
def test_a_window_at_a_time_is_nearly_as_good_as_all_at_once(
    context: int, picture: int, texts: int
) -> None:
    # Documents as the recipe has them: a picture and its text, and none to two before it.
    random = Random(0)
    lengths = [
        sum(picture + random.randint(3, texts) for _ in range(random.randint(1, 3)))
        for _ in range(8 * _WINDOW)
    ]
    sequences = sum(
        1 + max(place.sequence for place in pack(lengths[start : start + _WINDOW], context))
        for start in range(0, len(lengths), _WINDOW)
    )
    assert first_fit_decreasing(lengths, context) / sequences >= 0.99
