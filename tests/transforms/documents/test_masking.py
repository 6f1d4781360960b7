"""Cutting spans out of documents."""

import math
from collections import Counter
from random import Random

import pytest

from tests.oracles.cm3 import allowed_cuts
from tests.transforms.documents.random_documents import check_masking, segment
from transforms.documents.masking import draw_span_count, draw_spans, spans_of_fields


@pytest.mark.parametrize("block", range(4))
def test_random_documents_are_masked_as_the_paper_says(block: int) -> None:
    # bench/assemble.py does it with 100,000 of them.
    for seed in range(block * 1000, (block + 1) * 1000):
        check_masking(seed)


def test_their_number_is_a_clamped_poisson_variable() -> None:
    random, draws = Random(0), 20_000
    counts = Counter(draw_span_count(random, 16) for _ in range(draws))
    expected = {count: math.exp(-1) / math.factorial(count) for count in range(2, 7)}
    expected[1] = 2 * math.exp(-1)
    for count, share in expected.items():
        spread = 5 * math.sqrt(share * (1 - share) / draws)
        assert abs(counts[count] / draws - share) < spread
    assert max(draw_span_count(random, 2) for _ in range(1000)) == 2


def test_each_allowed_span_is_as_likely_as_any_other() -> None:
    random = Random(1)
    segments = [
        segment(random, "text", 2),
        segment(random, "text", 2),
        segment(random, "mark", 1),
        segment(random, "image", 4),
        segment(random, "mark", 1),
        segment(random, "text", 1),
    ]
    allowed = allowed_cuts("".join(one.kind[0] for one in segments for _ in one.tokens))
    draws = 42_000
    counts = Counter(draw_spans(segments, 1, random)[0] for _ in range(draws))
    assert set(counts) == set(allowed)
    share = 1 / len(allowed)
    spread = 5 * math.sqrt(share * (1 - share) / draws)
    assert all(abs(count / draws - share) < spread for count in counts.values())


def test_what_a_field_says_is_cut_out_whole() -> None:
    random = Random(2)
    one, two, three = (segment(random, "text", 3) for _ in range(3))
    one.field, two.field, three.field = "", "answer", "answer"
    shown = segment(random, "text", 4)
    shown.field, shown.retrieved = "answer", True
    assert spans_of_fields([shown, one, two, three, one], ("answer",), 2) == [(7, 13)]
    assert spans_of_fields([two, one, three, one, two], ("answer",), 2) == [(0, 3), (6, 9)]
    # The last ones stay where there are too many; what is empty is neither a span nor a gap's end.
    assert spans_of_fields([two, one, three, one, two], ("answer",), 1) == [(0, 3)]
    none = segment(random, "text", 0)
    none.field = "answer"
    assert spans_of_fields([none, one, none, two, one], ("answer",), 2) == [(3, 6)]
