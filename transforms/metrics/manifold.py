"""How two samples of vectors cover each other, by balls around their vectors.

Precision and recall are those of Kynkaanniemi et al. 2019 ("Improved precision and recall metric
for assessing generative models"), density and coverage those of Naeem et al. 2020 ("Reliable
fidelity and diversity metrics for generative models"). The ball of a vector reaches to its nearest
neighbour number :data:`NEAREST` in its own sample; what lies on its edge is outside.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

NEAREST = 5
_ROWS_AT_ONCE = 1024
# Of vectors that are equal rounding leaves this much of their squared length.
_NOTHING = 1e-12

Floats = NDArray[np.float64]


def radii(vectors: Floats) -> Floats:
    """Squared radii of the vectors' balls, shape (rows,); of more than :data:`NEAREST` rows."""
    # The nearest of all is the vector itself.
    return np.concatenate(
        [np.partition(some, NEAREST, axis=1)[:, NEAREST] for _, some in _squared(vectors, vectors)]
    )


def cover(generated: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """What each vector says of the other sample.

    Args:
        generated: shape (rows, dimension), of more than :data:`NEAREST` rows.
        reference: likewise.

    Returns:
        For each generated one whether it lies in a ball of the reference (precision), and in how
        many, by :data:`NEAREST` (density), shape (rows, 2); for each of the reference whether it
        lies in a ball of the generated (recall), and whether its own ball holds one of them
        (coverage), shape (rows, 2).

    """
    of_generated, of_reference = radii(generated), radii(reference)
    held = np.zeros(len(generated))
    found = np.zeros((len(reference), 2))
    for start, squared in _squared(reference, generated):
        rows = slice(start, start + len(squared))
        inside = squared < of_reference[rows, None]
        held += inside.sum(axis=0)
        found[rows, 0] = (squared < of_generated).any(axis=1)
        found[rows, 1] = inside.any(axis=1)
    return np.column_stack([held > 0, held / NEAREST]), found


def _squared(some: Floats, others: Floats) -> Iterator[tuple[int, Floats]]:
    """Squared distances of rows to all others, some rows at a time, each with the first's place."""
    lengths, of_others = (some**2).sum(axis=1), (others**2).sum(axis=1)
    for start in range(0, len(some), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        largest = lengths[rows, None] + of_others
        squared = largest - 2 * (some[rows] @ others.T)
        yield start, np.where(squared > _NOTHING * largest, squared, 0.0)
