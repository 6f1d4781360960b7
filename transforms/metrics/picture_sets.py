"""Generated pictures against reference ones, both as sets of vectors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.frechet import NAME, frechet_value
from transforms.metrics.manifold import NEAREST, cover
from transforms.metrics.metric import Value, mean_of, values_of
from transforms.metrics.moments import BlockMoments
from transforms.metrics.sums import Sums

MOST_SAMPLED = 10_000
"""Vectors of a set that neighbours are searched among: those with the lowest keys."""

_OF_GENERATED = ("precision", "density")
_OF_REFERENCE = ("recall", "coverage")
SET_METRICS = (NAME, *_OF_GENERATED, *_OF_REFERENCE)
"""What sets of pictures are scored by."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorSet:
    """A set of vectors, as much of it as is needed.

    Attributes:
        moments: of all.
        keys: of the sample, uint64 of shape (rows,), sorted.
        sample: float32 of shape (rows, dimension).

    """

    moments: BlockMoments
    keys: NDArray[np.uint64]
    sample: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[np.float32], keys: NDArray[np.uint64]) -> "VectorSet":
        """Take vectors in, shape (rows, dimension), each with 64 bits of a hash of its id."""
        moments = BlockMoments.of(vectors, keys)
        return cls(moments=moments, **_lowest(keys, vectors))

    @classmethod
    def merge(cls, some: Iterable["VectorSet"]) -> "VectorSet":
        """The set of all together; of one at least."""
        parts = list(some)
        return cls(
            moments=BlockMoments.merge(part.moments for part in parts),
            **_lowest(
                np.concatenate([part.keys for part in parts]),
                np.concatenate([part.sample for part in parts]),
            ),
        )


def _lowest(keys: NDArray[np.uint64], vectors: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    order = np.argsort(keys, kind="stable")[:MOST_SAMPLED]
    return {"keys": keys[order], "sample": vectors[order]}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureSets:
    """Generated and reference pictures; None for those that nothing is known of yet."""

    generated: VectorSet | None = None
    reference: VectorSet | None = None

    @classmethod
    def merge(cls, some: Iterable["PictureSets"]) -> "PictureSets":
        """Those of all together."""
        parts = list(some)
        return cls(
            generated=_merged([part.generated for part in parts]),
            reference=_merged([part.reference for part in parts]),
        )

    def values(self) -> list[Value]:
        """:data:`SET_METRICS` as far as there are vectors enough.

        The intervals of the four that count balls are the bootstrap's over the vectors that are
        counted, with the balls as they are.
        """
        if self.generated is None or self.reference is None:
            return []
        distance = frechet_value(self.generated.moments, self.reference.moments)
        return [*([distance] if distance else []), *_covering(self.generated, self.reference)]


def _merged(some: Sequence[VectorSet | None]) -> VectorSet | None:
    there = [one for one in some if one is not None]
    return VectorSet.merge(there) if there else None


def _covering(generated: VectorSet, reference: VectorSet) -> list[Value]:
    if min(len(generated.keys), len(reference.keys)) <= NEAREST:
        return []
    of_generated, of_reference = cover(
        generated.sample.astype(np.float64), reference.sample.astype(np.float64)
    )
    return [
        value
        for names, found, keys in (
            (_OF_GENERATED, of_generated, generated.keys),
            (_OF_REFERENCE, of_reference, reference.keys),
        )
        for value in _means(names, found, keys)
    ]


def _means(
    names: Sequence[str], found: NDArray[np.float64], keys: NDArray[np.uint64]
) -> list[Value]:
    one = np.ones(len(found))
    statistics = np.column_stack([part for column in found.T for part in (one, column)])
    return values_of([mean_of(name) for name in names], Sums.of(statistics, keys))
