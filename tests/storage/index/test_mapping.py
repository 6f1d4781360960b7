"""Stored vectors are widened as numpy does it, and FAISS scores them where they lie."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from storage.index.mapping import as_float32, index_in_place
from tests.storage.index.making import clustered


def test_every_finite_half_is_widened_exactly() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)].reshape(-1, 2)
    assert finite.size == 63488
    wide = as_float32(finite)
    assert np.array_equal(wide.view(np.uint32), finite.astype(np.float32).view(np.uint32))


def test_float32_stays_as_it_is() -> None:
    vectors = np.array([[0.1, -0.2]], np.float32)
    assert np.array_equal(as_float32(vectors), vectors)


@pytest.mark.parametrize("stored_as", [np.float16, np.float32])
@pytest.mark.parametrize("dimension", [1, 7, 64])
def test_faiss_scores_vectors_where_they_lie(stored_as: type, dimension: int) -> None:
    vectors: NDArray[np.floating[Any]] = clustered(300, dimension, seed=1).astype(stored_as)
    queries = clustered(5, dimension, seed=2)
    index = index_in_place(vectors[100:])
    vectors[250] = 2 * queries[0]  # seen, for nothing was copied
    scores, rows = index.search(queries, 200)
    expected = queries.astype(np.float64) @ vectors[100:].T.astype(np.float64)
    assert np.abs(scores - np.take_along_axis(expected, rows, axis=1)).max() < 1e-6
    assert all(sorted(some) == list(range(200)) for some in rows.tolist())
    assert rows[0, 0] == 150
