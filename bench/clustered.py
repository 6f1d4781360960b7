"""Vectors in clusters, as embeddings of pictures lie: not noise, which no index can prune."""

import numpy as np
from numpy.typing import NDArray

_BLOCK = 50_000
_PER_CLUSTER = 500
_SPREAD = 0.7


def clustered_vectors(count: int, dimension: int, *, seed: int, of: int) -> NDArray[np.float32]:
    """Draw unit vectors around centres.

    Centres, and what is added to each, are normal in all dimensions, with a variance that falls as
    the inverse of the dimension's rank: as principal components of embeddings do, of which the
    first few hold most. The sum is turned by a random rotation and brought to length 1. Centres
    and rotation are the same for all seeds, so queries are of another seed.

    Args:
        count: how many.
        dimension: of each.
        seed: of the draw.
        of: vectors of the whole catalog: there are a centre for each 500 of them.

    Returns:
        Float32 array of shape (count, dimension).

    """
    fixed = np.random.default_rng(20_230_905)
    deviations = (1 / np.sqrt(np.arange(1, dimension + 1))).astype(np.float32)
    rotation = np.linalg.qr(fixed.normal(size=(dimension, dimension)))[0].astype(np.float32)
    centres = fixed.standard_normal((max(of // _PER_CLUSTER, 1), dimension), np.float32)
    generator = np.random.default_rng(seed)
    found = np.empty((count, dimension), np.float32)
    for start in range(0, count, _BLOCK):
        block = found[start : start + _BLOCK]
        around = centres[generator.integers(len(centres), size=len(block))]
        block[:] = generator.standard_normal(block.shape, np.float32)
        block *= _SPREAD
        block += around
        block *= deviations
        block[:] = block @ rotation
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return found
