"""What Beam adds up: the same however it is parted and merged."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.metrics.tokenized_texts import ROWS
from transforms.metrics import document_frequencies
from transforms.metrics.combine import AddFrequencies, AddSums
from transforms.metrics.document_frequencies import DocumentFrequencies
from transforms.metrics.ngrams import NgramCounter
from transforms.metrics.sums import Sums


def combined(adding: Any, parts: list[Any], workers: int, draw: random.Random) -> Any:
    """What comes of parts that several workers add in any order."""
    draw.shuffle(parts)
    accumulators = []
    for worker in range(workers):
        accumulator = adding.create_accumulator()
        for part in parts[worker::workers]:
            accumulator = adding.add_input(accumulator, part)
        accumulators.append(adding.compact(accumulator) if accumulator else accumulator)
    draw.shuffle(accumulators)
    return adding.extract_output(adding.merge_accumulators(accumulators))


@settings(deadline=None, max_examples=60)
@given(
    ROWS,
    st.integers(1, 4),
    st.integers(0, 20),
    st.integers(1, 20),
    st.randoms(use_true_random=False),
)
def test_frequencies(rows: Any, workers: int, few: int, at_once: int, draw: random.Random) -> None:
    counter = NgramCounter()
    parts = [DocumentFrequencies.of(counter.count([one], [some])) for one, some in rows]
    whole = DocumentFrequencies.of(counter.count(*zip(*rows, strict=True)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(AddFrequencies, "_FEW", few)
        patched.setattr(document_frequencies, "_MERGED_AT_ONCE", at_once)
        found = combined(AddFrequencies(), parts, workers, draw)  # type: ignore[no-untyped-call]
    assert found.rows == whole.rows
    np.testing.assert_array_equal(found.hashes, whole.hashes)
    np.testing.assert_array_equal(found.counts, whole.counts)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(1, 4), st.randoms(use_true_random=False))
def test_sums(rows: int, workers: int, draw: random.Random) -> None:
    statistics = np.random.default_rng(draw.randrange(1000)).normal(size=(rows, 2))
    keys = np.arange(rows, dtype=np.uint64)
    parts = [Sums.of(statistics[[row]], keys[[row]]) for row in range(rows)]
    found = combined(AddSums(), parts, workers, draw)  # type: ignore[no-untyped-call]
    np.testing.assert_array_equal(found.values(), Sums.of(statistics, keys).values())


def test_frequencies_that_were_written_down(tmp_path: Any) -> None:
    for texts in (["a b a", "c"], [""]):
        one = DocumentFrequencies.of(NgramCounter().count(["x"], [texts]))
        (tmp_path / "f.bin").write_bytes(one.serialize())
        again = DocumentFrequencies.map(tmp_path / "f.bin")
        assert again.rows == one.rows
        np.testing.assert_array_equal(again.hashes, one.hashes)
        np.testing.assert_array_equal(again.look_up(one.hashes), one.counts)
        np.testing.assert_array_equal(again.look_up(one.hashes + np.uint64(4)) >= 0, True)
