"""Mean and covariance of vectors, added up block by block: one pass, stable, mergeable.

Parts are merged as Chan, Golub and LeVeque do it ("Updating formulae and a pairwise algorithm for
computing sample variances", 1979): deviations are from the mean of the part they are in, so that
nothing cancels. The order of merging changes no more than the last digits.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyr, dsyrk

from transforms.metrics.jackknife import BLOCKS, block_of

Floats = NDArray[np.float64]
Vectors = NDArray[Any]

_ROWS_A_DIMENSION = 2
_ROWS_AT_ONCE = 1024


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
    def of(cls, vectors: Vectors) -> "Moments":
        """Add up vectors, shape (rows, dimension)."""
        return cls.of_none(vectors.shape[1]).and_of([vectors])

    @classmethod
    def of_none(cls, dimension: int) -> "Moments":
        """Those of no vectors."""
        scatter = np.zeros((dimension, dimension), order="F")
        return cls(count=0, mean=np.zeros(dimension), scatter=scatter)

    def and_of(self, some: Sequence[Vectors]) -> "Moments":
        """Those of more vectors too, several arrays of shape (rows, dimension)."""
        added = sum(map(len, some))
        if not added:
            return self
        mean = sum(part.sum(axis=0, dtype=np.float64) for part in some) / added
        scatter: Floats | None = self.scatter.copy(order="F") if self.count else None
        for slab in _slabs(some):
            deviations = np.subtract(slab, mean, dtype=np.float64)
            # One triangle, half the work, and no copy of the rows: BLAS reads columns first.
            scatter = (
                dsyrk(1.0, deviations.T, lower=1)
                if scatter is None
                else dsyrk(1.0, deviations.T, beta=1.0, c=scatter, lower=1, overwrite_c=1)
            )
        assert scatter is not None
        apart, together = mean - self.mean, self.count + added
        if self.count:
            weight = self.count * added / together
            scatter = dsyr(weight, apart, lower=1, a=scatter, overwrite_a=1)
        return Moments(count=together, mean=self.mean + apart * (added / together), scatter=scatter)

    @classmethod
    def merge(cls, some: Iterable["Moments"]) -> "Moments":
        """Those of all together; of one at least."""
        parts = list(some)
        first, *others = [part for part in parts if part.count] or parts[:1]
        if not others:
            return first
        count, mean = first.count, first.mean
        # A new array, for parts are not to be changed; what follows is added in place.
        scatter = first.scatter + others[0].scatter
        for number, part in enumerate(others):
            if number:
                scatter += part.scatter
            apart = part.mean - mean
            together = count + part.count
            weight = count * part.count / together
            scatter = dsyr(weight, apart, lower=1, a=scatter, overwrite_a=1)
            mean = mean + apart * (part.count / together)
            count = together
        return cls(count=count, mean=mean, scatter=scatter)

    def covariance(self) -> Floats:
        """The unbiased sample covariance, whole; of two vectors at least."""
        lower = np.tril(self.scatter)
        whole: Floats = (lower + np.tril(lower, -1).T) / (self.count - 1)
        return whole


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """Vectors of one block: those that were added up, and some that wait until they are as many
    as make it worth while, for a covariance is larger than a few vectors.
    """

    moments: Moments | None
    waiting: tuple[Vectors, ...]

    @classmethod
    def merge(cls, some: Iterable["_Block"]) -> "_Block":
        parts = list(some)
        waiting = tuple(one for part in parts for one in part.waiting)
        moments = [part.moments for part in parts if part.moments is not None]
        block = cls(moments=Moments.merge(moments) if moments else None, waiting=waiting)
        dimension = waiting[0].shape[1]
        if sum(map(len, waiting)) < _ROWS_A_DIMENSION * dimension:
            return block
        return cls(
            moments=block.whole(), waiting=(np.empty_like(waiting[0], shape=(0, dimension)),)
        )

    def whole(self) -> Moments:
        added_up = self.moments or Moments.of_none(self.waiting[0].shape[1])
        return added_up.and_of(self.waiting)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockMoments:
    """Of the vectors of each of the jackknife's blocks.

    Memory is 16 * blocks * dimension ** 2 bytes at most: 42 MB of 512 numbers a vector, 672 MB of
    2,048, if they are float32.
    """

    blocks: tuple[_Block, ...]

    @classmethod
    def of(cls, vectors: Vectors, keys: NDArray[np.uint64]) -> "BlockMoments":
        """Add up vectors, shape (rows, dimension), by the blocks of their keys."""
        of_rows = block_of(keys)
        parts = [vectors[of_rows == block] for block in range(BLOCKS)]
        return cls(
            blocks=tuple(_Block.merge([_Block(moments=None, waiting=(part,))]) for part in parts)
        )

    @classmethod
    def merge(cls, some: Iterable["BlockMoments"]) -> "BlockMoments":
        """Those of all together, block by block; of one at least."""
        parts = zip(*(part.blocks for part in some), strict=True)
        return cls(blocks=tuple(map(_Block.merge, parts)))

    def of_each(self) -> list[Moments]:
        """Those of each block, empty ones too."""
        return [block.whole() for block in self.blocks]


def without_each(blocks: Sequence[Moments]) -> list[Moments]:
    """Those of all blocks but one, for each that has vectors; none if only one has."""
    filled = [block for block in blocks if block.count]
    if len(filled) < 2:
        return []
    return [Moments.merge(filled[:place] + filled[place + 1 :]) for place in range(len(filled))]


def _slabs(some: Sequence[Vectors]) -> Iterator[Vectors]:
    for part in some:
        for start in range(0, len(part), _ROWS_AT_ONCE):
            yield part[start : start + _ROWS_AT_ONCE]
