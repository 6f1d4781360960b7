"""Half precision is widened as numpy does it, to the bit."""

import numpy as np

from storage.index.mapping import as_float32


def test_every_finite_half_is_widened_exactly() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)].reshape(-1, 2)
    assert finite.size == 63488
    wide = as_float32(finite)
    assert np.array_equal(wide.view(np.uint32), finite.astype(np.float32).view(np.uint32))


def test_float32_stays_as_it_is() -> None:
    vectors = np.array([[0.1, -0.2]], np.float32)
    assert np.array_equal(as_float32(vectors), vectors)
