"""Which vectors an index takes: finite ones of length 1 and of its dimension."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.index.errors import VectorError

Vectors = NDArray[np.float32]

_TOLERANCE = 1e-2
"""How far a length may be from 1: models that work in half precision normalise no better."""


def vector_faults(
    vectors: Vectors, dimension: int, dimensions: NDArray[np.integer[Any]] | None = None
) -> dict[int, str]:
    """Find the vectors that cannot be indexed.

    Args:
        vectors: float32 array of shape (vectors, dimension).
        dimension: what theirs should be.
        dimensions: what each had before it stood in the array, if some had others: int array of
            shape (vectors,). Whatever stands in the place of those does not count.

    Returns:
        What is wrong, by row: the rest of a sentence about that vector.

    Raises:
        VectorError: the array is not of float32, or has another number of axes.

    """
    if vectors.ndim != 2 or vectors.dtype != np.float32:
        raise VectorError(
            f"Vectors must be a float32 array of two axes, not {vectors.dtype} of {vectors.ndim}."
        )
    if vectors.shape[1] != dimension:
        return dict.fromkeys(range(len(vectors)), _of_another(vectors.shape[1], dimension))
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.vecdot(vectors, vectors))
        odd = np.flatnonzero(~(np.abs(lengths - 1) <= _TOLERANCE))
    faults = {int(row): _fault(vectors[row], float(lengths[row])) for row in odd}
    if dimensions is not None:
        for row in np.flatnonzero(dimensions != dimension):
            faults[int(row)] = _of_another(int(dimensions[row]), dimension)
    return faults


def _of_another(found: int, wanted: int) -> str:
    return f"has {found} dimensions, and the index {wanted}"


def _fault(vector: Vectors, length: float) -> str:
    if not np.isfinite(vector).all():
        return "holds values that are no numbers, or infinite ones"
    if length == 0:
        return "is zero"
    return f"has the length {length:.3g} and must have 1: normalise it"


def check_batch(ids: Sequence[str], vectors: Vectors, dimension: int) -> None:
    """Check vectors that are to be added under their ids.

    Raises:
        VectorError: one cannot be indexed; the text names its id.

    """
    faults = vector_faults(vectors, dimension)
    if len(ids) != len(vectors):
        raise VectorError(f"There are {len(ids)} ids for {len(vectors)} vectors.")
    if faults:
        row = min(faults)
        raise VectorError(f"The vector of {ids[row]!r} {faults[row]}.")


def check_queries(queries: Vectors, dimension: int) -> None:
    """Check the vectors of queries.

    Raises:
        VectorError: one cannot be searched for; the text says which.

    """
    faults = vector_faults(queries, dimension)
    if faults:
        row = min(faults)
        raise VectorError(f"The vector of query {row} {faults[row]}.")
