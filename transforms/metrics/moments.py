"""Mean and covariance of vectors, added up block by block: one pass, stable, mergeable.

Parts are merged as Chan, Golub and LeVeque do it ("Updating formulae and a pairwise algorithm for
computing sample variances", 1979): deviations are from the mean of the part they are in, so that
nothing cancels. The order of merging changes no more than the last digits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

from transforms.metrics.jackknife import BLOCKS, block_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Of some vectors.

    Attributes:
        count: of vectors.
        mean: float64 of shape (dimension,).
        scatter: sum of the outer products of their deviations from the mean, float64 of shape
            (dimension, dimension), of which the lower triangle holds.

    """

    count: int
    mean: Floats
    scatter: Floats

    @classmethod
    def of(cls, vectors: NDArray[np.floating]) -> "Moments":
        """Add up vectors, shape (rows, dimension)."""
        rows = vectors.astype(np.float64)
        if not len(rows):
            dimension = rows.shape[1]
            return cls(count=0, mean=np.zeros(dimension), scatter=_zeros(dimension))
        mean = rows.mean(axis=0)
        rows -= mean
        # One triangle, half the work, and no copy: BLAS reads columns first.
        return cls(count=len(rows), mean=mean, scatter=dsyrk(1.0, rows.T, lower=1))

    @classmethod
    def merge(cls, some: Iterable["Moments"]) -> "Moments":
        """Those of all together; of one at least."""
        parts = [part for part in some if part.count] or list(some)[:1]
        first, *others = parts
        if not others:
            return first
        count, mean = first.count, first.mean.copy()
        scatter = first.scatter.copy(order="F")
        for part in others:
            apart = part.mean - mean
            together = count + part.count
            scatter += part.scatter
            weighted = apart[:, None] * np.sqrt(count * part.count / together)
            dsyrk(1.0, weighted, beta=1.0, c=scatter, lower=1, overwrite_c=1)
            mean += apart * (part.count / together)
            count = together
        return cls(count=count, mean=mean, scatter=scatter)

    def covariance(self) -> Floats:
        """The unbiased sample covariance, whole; of two vectors at least."""
        lower = np.tril(self.scatter)
        whole: Floats = (lower + np.tril(lower, -1).T) / (self.count - 1)
        return whole


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockMoments:
    """Of the vectors of each of the jackknife's blocks.

    Memory is 8 * blocks * dimension ** 2 bytes at most: 21 MB of 512 numbers a vector, 336 MB of
    2,048.
    """

    blocks: tuple[Moments, ...]

    @classmethod
    def of(cls, vectors: NDArray[np.floating], keys: NDArray[np.uint64]) -> "BlockMoments":
        """Add up vectors, shape (rows, dimension), by the blocks of their keys."""
        blocks = block_of(keys)
        return cls(blocks=tuple(Moments.of(vectors[blocks == block]) for block in range(BLOCKS)))

    @classmethod
    def merge(cls, some: Iterable["BlockMoments"]) -> "BlockMoments":
        """Those of all together, block by block; of one at least."""
        return cls(
            blocks=tuple(map(Moments.merge, zip(*(part.blocks for part in some), strict=True)))
        )

    def whole(self) -> Moments:
        """Those of all blocks."""
        return Moments.merge(self.blocks)

    def without_each(self) -> Sequence[Moments]:
        """Those of all blocks but one, for each that has rows; none if only one has."""
        filled = [block for block in self.blocks if block.count]
        if len(filled) < 2:
            return []
        return [Moments.merge(filled[:place] + filled[place + 1 :]) for place in range(len(filled))]


def _zeros(dimension: int) -> Floats:
    return np.zeros((dimension, dimension), order="F")
