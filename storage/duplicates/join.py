"""All pairs of pictures whose signatures are near, without comparing all with all.

Signatures are turned so that 64 numbers hold most of what tells them apart (a principal component
analysis), and these are cut into cells about centres. Turning keeps distances and leaving numbers
out only shrinks them, so two that are near are near there too. A row is compared within its cell,
and with the cells whose border is no farther than the radius. So each near pair is found, whatever
the centres are: they decide on the time only.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.digests import Flags
from storage.duplicates.components import Components, Rows
from storage.duplicates.signature import SIGNATURE_BYTES, Signatures
from storage.index.kinds import FAISS

_DIMENSIONS = 64
_SAMPLE = 65_536
_ROWS_PER_CELL = 500
_MOST_CELLS = 4096
_CELLS_AT_ONCE = 64
_ROWS_AT_ONCE = 16_384
_COMPARED_AT_ONCE = 1 << 20
_PAIRS_AT_ONCE = 8192
_SEED = 20_230_905
# Single precision: what a distance may be off by, in squared levels over all numbers.
_SLACK = 64.0

_Floats = NDArray[np.float32]


def near_pairs(
    signatures: Signatures,
    rows: Rows,
    radius: float,
    components: Components,
    scratch: Path,
    *,
    new: Flags | None = None,
    rows_per_cell: int = _ROWS_PER_CELL,
) -> Iterator[tuple[Rows, Rows]]:
    """Find the pairs of rows whose signatures differ by at most ``radius``, root mean square.

    Pairs that hang together by the time they would be given are left out: a heap of like pictures
    costs a pair for each rather than a pair for each two.

    Args:
        signatures: uint8 array of shape (all rows, 768); may be memory-mapped.
        rows: those to compare, without repeats.
        radius: in levels from 0 to 255.
        components: joined by the caller as pairs come.
        scratch: folder for 256 bytes a row.
        new: bool array of shape (rows,): pairs of two rows that are not are left out; None where
            all are.
        rows_per_cell: how large cells are to be, about.

    Yields:
        Rows and rows, at most 8192 of each; every pair once.

    """
    if len(rows) < 2:
        return
    reach = float(radius * np.sqrt(SIGNATURE_BYTES))
    points = _project(signatures, rows, scratch / "points.f32")
    cells = _Cells(points, max(1, min(_MOST_CELLS, len(rows) // rows_per_cell)))
    for own, guests in cells.neighbourhoods(reach):
        for some, others in _to_compare(own, guests, new):
            for first, second in _near(points, some, others, reach, rows, components):
                near = _root_mean_squares(signatures, rows[first], rows[second]) <= radius
                yield rows[first[near]], rows[second[near]]


def _project(signatures: Signatures, rows: Rows, path: Path) -> _Floats:
    """Turn signatures, so that the first 64 numbers hold most: in a file, memory-mapped."""
    rng = np.random.default_rng(_SEED)
    chosen = rows
    if len(rows) > _SAMPLE:
        chosen = np.sort(rng.choice(rows, _SAMPLE, replace=False))
    sample = signatures[chosen].astype(np.float32)
    middle = sample.mean(axis=0)
    sample -= middle
    axes = np.linalg.eigh(sample.T @ sample)[1][:, ::-1][:, :_DIMENSIONS]
    axes = np.ascontiguousarray(axes, np.float32)
    points: _Floats = np.memmap(path, np.float32, "w+", shape=(len(rows), axes.shape[1]))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block = slice(start, start + _ROWS_AT_ONCE)
        points[block] = (signatures[rows[block]].astype(np.float32) - middle) @ axes
    return points


class _Cells:
    """Points cut into cells: each belongs to the centre that is nearest."""

    def __init__(self, points: _Floats, count: int) -> None:
        self._points = points
        self._homes = np.zeros(len(points), np.int32)
        self._squares = np.zeros(len(points), np.float32)
        self._centres = self._find_centres(count)
        if count > 1:
            step = max(1, _COMPARED_AT_ONCE // count)
            for start in range(0, len(points), step):
                block = slice(start, start + step)
                squares = _squared_distances(points[block], self._centres)
                self._homes[block] = squares.argmin(axis=1)
                self._squares[block] = squares.min(axis=1)

    def neighbourhoods(self, reach: float) -> Iterator[tuple[Rows, Rows]]:
        """For each cell its points, and those of later cells that are near its border."""
        count = len(self._centres)
        if count == 1:
            yield np.arange(len(self._points), dtype=np.int32), np.empty(0, np.int32)
            return
        between = np.sqrt(np.maximum(_squared_distances(self._centres, self._centres), 0))
        for start in range(0, count, _CELLS_AT_ONCE):
            some = np.arange(start, min(start + _CELLS_AT_ONCE, count))
            found, cells = self._near_border(some, between, reach)
            order = np.argsort(cells, kind="stable")
            ends = np.searchsorted(cells[order], np.append(some, some[-1] + 1))
            for cell, low, high in zip(some.tolist(), ends, ends[1:], strict=False):
                near = found[order[low:high]]
                own = self._homes[near] == cell
                yield near[own], near[~own]

    def _near_border(
        self, some: NDArray[np.int64], between: _Floats, reach: float
    ) -> tuple[Rows, Rows]:
        """Points that are in some cells, or in later ones and near their borders: and the cells.

        The border between two cells is the plane halfway between their centres. A point of one is
        so far from it: the difference of its squared distances to both, by twice the distance
        between the two (Das Sarma, He and Chaudhuri, ClusterJoin, 2014).
        """
        found, cells = [], []
        to_some = np.ascontiguousarray(between[:, some])
        for start in range(0, len(self._points), _ROWS_AT_ONCE):
            block = slice(start, start + _ROWS_AT_ONCE)
            homes = self._homes[block, None]
            squares = _squared_distances(self._points[block], self._centres[some])
            farther = squares - self._squares[block, None]
            bound = 2 * reach * to_some[self._homes[block]] + _SLACK
            near = (some == homes) | ((some < homes) & (farther <= bound))
            at, of = np.nonzero(near)
            found.append((at + start).astype(np.int32))
            cells.append(some[of].astype(np.int32))
        return np.concatenate(found), np.concatenate(cells)

    def _find_centres(self, count: int) -> _Floats:
        if count == 1:
            return np.zeros((1, self._points.shape[1]), np.float32)
        rng = np.random.default_rng(_SEED)
        size = min(len(self._points), max(_SAMPLE, 40 * count))
        chosen = np.sort(rng.choice(len(self._points), size, replace=False))
        kmeans = FAISS.Kmeans(
            self._points.shape[1], count, niter=8, seed=_SEED, min_points_per_centroid=1
        )
        kmeans.train(np.ascontiguousarray(self._points[chosen]))
        centres: _Floats = np.unique(kmeans.centroids, axis=0)
        return centres


def _to_compare(own: Rows, guests: Rows, new: Flags | None) -> Iterator[tuple[Rows, Rows]]:
    """Of a cell, what is to be compared with what.

    The one begins the other where rows are compared among themselves too.
    """
    if new is None:
        yield own, np.concatenate([own, guests])
        return
    own_new, own_old = own[new[own]], own[~new[own]]
    if len(own_new):
        yield own_new, np.concatenate([own_new, own_old, guests])
    guests_new = guests[new[guests]]
    if len(guests_new) and len(own_old):
        yield guests_new, own_old


def _near(
    points: _Floats,
    some: Rows,
    others: Rows,
    reach: float,
    rows: Rows,
    components: Components,
) -> Iterator[tuple[Rows, Rows]]:
    """Pairs that are near as far as their points tell, and do not hang together yet.

    Args:
        some: compared with all of ``others``, and where they begin these, with those behind only.

    """
    if not len(some):
        return
    among = some[0] == others[0]
    left = _factors(points[some])[0]
    right = _factors(points[others])[1]
    start = 0
    changed = True
    while start < len(some):
        skipped = start if among else 0
        if changed:
            ahead = others[skipped:] if among else np.concatenate([some[start:], others])
            roots = components.roots(rows[ahead])
            if (roots == roots[0]).all():
                return
        step = max(1, _COMPARED_AT_ONCE // (len(others) - skipped))
        stop = min(start + step, len(some))
        squares = left[start:stop] @ right[skipped:].T
        # Where a table is true, flat: it is found several times as fast as in two dimensions.
        flat = np.flatnonzero(squares <= reach * reach + _SLACK)
        first, second = np.divmod(flat, squares.shape[1])
        if among:
            later = second > first
            first, second = first[later], second[later]
        one, other = some[first + start], others[second + skipped]
        changed = len(one) > 0
        for at in range(0, len(one), _PAIRS_AT_ONCE):
            firsts, seconds = one[at : at + _PAIRS_AT_ONCE], other[at : at + _PAIRS_AT_ONCE]
            apart = components.roots(rows[firsts]) != components.roots(rows[seconds])
            if apart.any():
                yield firsts[apart], seconds[apart]
        start = stop


def _squared_distances(points: _Floats, others: _Floats) -> _Floats:
    """Squared distances, float32 array of shape (points, others)."""
    squares: _Floats = _factors(points)[0] @ _factors(others)[1].T
    return squares


def _factors(points: _Floats) -> tuple[_Floats, _Floats]:
    """Two matrices of a row a point: the one times the other turned is all squared distances.

    The squares of the lengths are two more numbers of each point, so that the product adds them.
    """
    squares = np.square(points).sum(axis=1, keepdims=True)
    ones = np.ones_like(squares)
    left: _Floats = np.hstack([points * np.float32(-2), squares, ones])
    return left, np.hstack([points, ones, squares])


def _root_mean_squares(signatures: Signatures, first: Rows, second: Rows) -> _Floats:
    apart = signatures[first].astype(np.float32) - signatures[second].astype(np.float32)
    found: _Floats = np.sqrt(np.square(apart).mean(axis=1))
    return found
