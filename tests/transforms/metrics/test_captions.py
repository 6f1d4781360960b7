"""The metrics of captions against pycocoevalcap's, on random and adversarial texts."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.bleu.bleu_scorer import BleuScorer
from pycocoevalcap.cider.cider_scorer import CiderScorer
from pycocoevalcap.rouge.rouge import Rouge

from tests.oracles.cider import plain_cider
from tests.transforms.metrics.tokenized_texts import ROWS
from transforms.metrics.bleu import bleu_of_sums, bleu_statistics
from transforms.metrics.cider import cider
from transforms.metrics.document_frequencies import DocumentFrequencies
from transforms.metrics.ngrams import NgramCounter
from transforms.metrics.rouge import rouge_l

Rows = Sequence[tuple[str, Sequence[str]]]


def check(rows: Rows) -> None:
    candidates = [candidate for candidate, _ in rows]
    references = [list(some) for _, some in rows]
    block = NgramCounter().count(candidates, references)
    clipped, plain = cider(block, DocumentFrequencies.of(block))

    scorer = CiderScorer(n=4, sigma=6.0)
    bleu = BleuScorer(n=4)
    for candidate, some in zip(candidates, references, strict=True):
        scorer += (candidate, some)
        bleu += (candidate, some)
    scorer.compute_doc_freq()
    np.testing.assert_allclose(clipped, scorer.compute_cider(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(plain, plain_cider(candidates, references), rtol=0, atol=1e-9)

    statistics = bleu_statistics(block)
    expected, each = bleu.compute_score(option="closest")
    np.testing.assert_allclose(bleu_of_sums(statistics.sum(axis=0)), expected, atol=1e-9)
    np.testing.assert_allclose(bleu_of_sums(statistics), np.array(each).T, rtol=0, atol=1e-9)

    rouge = [rouge_l(candidate, some) for candidate, some in rows]
    judged = [Rouge().calc_score([candidate], some) for candidate, some in rows]
    np.testing.assert_allclose(rouge, judged, rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=300)
@given(ROWS)
def test_random_texts(rows: Rows) -> None:
    check(rows)


@pytest.mark.parametrize(
    "rows",
    [
        [("a b c d", ["a b c d"])],
        [("", [""])],
        [("", ["a b"]), ("a b", [""])],
        [("a b c", ["a b c"])] * 7,
        [("a " * 300, ["a b " * 40, "a"]), ("b", ["a " * 200])],
        [("a\u00a0b c\u3000d", ["a b c d"]), ("a b c d", ["a\u00a0b"])],
        [("x", ["y"] * 100), ("y", ["x"])],
        [("犬 が 走る", ["犬 が 歩く"]), ("کتاب روی میز", ["کتاب روی میز است"]), ("a", ["b"])],
        [("a \ud800", ["\ud800 a"]), ("b", ["a b"])],
    ],
    ids=lambda rows: f"{len(rows)}-{rows[0][0][:7]!a}",
)
def test_unusual_texts(rows: Rows) -> None:
    check(rows)


def test_many_rows_of_many_words() -> None:
    draw = random.Random(3)
    words = [f"w{number}" for number in range(300)]

    def text() -> str:
        length = draw.randrange(15)
        return " ".join(draw.choices(words, [1 / (1 + rank) for rank in range(300)], k=length))

    check([(text(), [text() for _ in range(draw.randrange(1, 7))]) for _ in range(300)])


@settings(deadline=None, max_examples=100)
@given(ROWS, st.integers(1, 5), st.randoms(use_true_random=False))
def test_frequencies_do_not_depend_on_how_rows_are_parted(
    rows: Rows, parts: int, draw: random.Random
) -> None:
    def frequencies(some: Rows) -> DocumentFrequencies:
        counted = NgramCounter(remembered=3).count(*zip(*some, strict=True))
        return DocumentFrequencies.of(counted)

    whole = frequencies(rows)
    shuffled = draw.sample(rows, len(rows))
    cut = [frequencies(shuffled[part::parts]) for part in range(parts) if shuffled[part::parts]]
    draw.shuffle(cut)
    merged = DocumentFrequencies.empty()
    for some in cut:
        merged = DocumentFrequencies.merge([some, merged])
    assert merged.rows == len(rows)
    np.testing.assert_array_equal(merged.hashes, whole.hashes)
    np.testing.assert_array_equal(merged.counts, whole.counts)
