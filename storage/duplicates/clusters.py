"""Clusters of pictures that show the same: of like bytes or pixels, or near to one another."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.digests import Flags
from storage.duplicates.components import Components, Rows
from storage.duplicates.difference import Differences, are_near, differences
from storage.duplicates.join import near_pairs
from storage.duplicates.pictures import Pictures
from storage.duplicates.signature import SIDE, Signatures
from storage.keys import Words

RADIUS = 12.0
"""Signatures that differ by more, root mean square over all levels, are not compared further."""

_PAIRS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearness:
    """When two pictures count as near.

    Attributes:
        max_difference: of their signatures, see :mod:`storage.duplicates.difference`.
        min_similarity: of their vectors: the inner product.

    """

    max_difference: float
    min_similarity: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """What an earlier search found of the same pictures, by the same rule.

    Attributes:
        rows: bool array of shape (rows,): those that were all compared with one another.
        first, second: of these, which hang together: int32 arrays of shape (pairs,).

    """

    rows: Flags
    first: Rows
    second: Rows


def find_clusters(
    pictures: Pictures, nearness: Nearness, scratch: Path, *, before: Compared | None = None
) -> Rows:
    """Find what hangs together.

    Two pictures are joined where their bytes are alike, where their decoded pixels are, or where
    they are near. A cluster is a connected component: its ends may be farther from one another.

    Args:
        scratch: folder for 256 bytes a row.
        before: what was compared before, which is not compared again; None for nothing.

    Returns:
        int32 array of shape (rows,): the first row of each one's cluster.

    """
    components = Components(len(pictures.identity))
    for digests in (pictures.content, pictures.pixels):
        _join_like(components, digests, pictures.newest)
    # Of pictures that are alike to the pixel one is enough to find what is near.
    alike = components.roots(pictures.newest)
    firsts = np.unique(alike)
    new = None
    if before is not None:
        # Where one of those that are alike was compared, all are as good as compared.
        done = alike[before.rows[pictures.newest]]
        new = ~np.isin(firsts, done)
        components.join(before.first, before.second)
    pairs = near_pairs(pictures.signatures, firsts, RADIUS, components, scratch, new=new)
    for first, second in pairs:
        like = similarities(pictures, first, second) >= nearness.min_similarity
        first, second = first[like], second[like]  # noqa: PLW2901
        near = are_near(*_signatures(pictures, first, second), nearness.max_difference)
        components.join(first[near], second[near])
    return components.all_roots()


def differences_of(pictures: Pictures, first: Rows, second: Rows) -> Differences:
    """How far the signatures of pairs differ: float32 array of shape (pairs,)."""
    return differences(*_signatures(pictures, first, second))


def similarities(pictures: Pictures, first: Rows, second: Rows) -> NDArray[np.float32]:
    """How like the vectors of pairs are: float32 array of shape (pairs,)."""
    found = np.empty(len(first), np.float32)
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        block = slice(start, start + _PAIRS_AT_ONCE)
        one = pictures.vectors[first[block]].astype(np.float32)
        other = pictures.vectors[second[block]].astype(np.float32)
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        # Half precision changes lengths by up to a thousandth.
        found[block] = np.vecdot(one, other) / lengths
    return found


def _signatures(pictures: Pictures, first: Rows, second: Rows) -> tuple[Signatures, Signatures]:
    shape = (-1, SIDE, SIDE, 3)
    return (
        pictures.signatures[first].reshape(shape),
        pictures.signatures[second].reshape(shape),
    )


def _join_like(components: Components, digests: Words, rows: Rows) -> None:
    """Join the rows of like digests."""
    order = rows[np.lexsort((digests[rows, 1], digests[rows, 0]))]
    if not len(order):
        return
    begins = np.ones(len(order), bool)
    begins[1:] = (digests[order[1:]] != digests[order[:-1]]).any(axis=1)
    leaders = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    components.join(leaders[~begins], order[~begins])
