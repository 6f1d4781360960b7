"""In which order rows of a catalog are trained on: shuffled, and found again at any place."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Tell these draws from others of the same seed.
_EPOCH, _HELD_OUT = 3, 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """Some rows of one split.

    Attributes:
        split: its number.
        rows: ascending positions in it, int64.

    """

    split: int
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Rows that are in memory together, and so can be shuffled.

    Attributes:
        pieces: where the rows are.
        order: the places, among the rows of all pieces, in the order to take them: int64.

    """

    pieces: tuple[Piece, ...]
    order: NDArray[np.int64]


class PictureOrder:
    """Which rows follow each other in each epoch.

    The splits come in an order drawn for each epoch. Their rows, one behind the other, are cut into
    blocks, and the rows of a block are shuffled. So what must be in memory is a block, and any
    place of any epoch is found without a look at those before it.

    Args:
        row_counts: rows of each split.
        held_out: numbers of rows, counted through all splits, that are left out.
        block_rows: rows of a block; at least as many as there are keep all in one.
        seed: of the order.

    """

    def __init__(
        self,
        row_counts: Sequence[int],
        *,
        held_out: NDArray[np.int64],
        block_rows: int,
        seed: int,
    ) -> None:
        self._block_rows = block_rows
        self._seed = seed
        starts = np.cumsum([0, *row_counts])
        bounds = np.searchsorted(held_out, starts)
        self._row_counts = np.asarray(row_counts, np.int64)
        self._held_out = [
            held_out[bounds[split] : bounds[split + 1]] - starts[split]
            for split in range(len(row_counts))
        ]
        self._kept_counts = self._row_counts - np.diff(bounds)
        self.rows = int(self._kept_counts.sum())
        """Rows of an epoch."""

    @property
    def blocks(self) -> int:
        """Blocks of an epoch."""
        return -(-self.rows // self._block_rows)

    def block(self, epoch: int, number: int) -> Block:
        """The block of a number, from 0, of an epoch."""
        splits = np.random.default_rng([self._seed, _EPOCH, epoch]).permutation(
            len(self._row_counts)
        )
        first = number * self._block_rows
        last = min(first + self._block_rows, self.rows)
        pieces = []
        end = 0
        for split in splits.tolist():
            start, end = end, end + int(self._kept_counts[split])
            if end > max(first, start):
                some = self._kept(split)[max(first - start, 0) : last - start]
                pieces.append(Piece(split=split, rows=some))
            if end >= last:
                break
        order = np.random.default_rng([self._seed, _EPOCH, epoch, number]).permutation(last - first)
        return Block(pieces=tuple(pieces), order=order)

    def _kept(self, split: int) -> NDArray[np.int64]:
        return np.delete(np.arange(self._row_counts[split]), self._held_out[split])

    def runs(self, start: int, size: int) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        """Cut one batch of an endless row of epochs into what lies in one block.

        Args:
            start: rows that were taken before, over all epochs.
            size: rows of the batch.

        Yields:
            Epoch, number of the block, places in the block's ``order``.

        """
        while size > 0:
            epoch, place = divmod(start, self.rows)
            number, first = divmod(place, self._block_rows)
            last = min(first + size, self._block_rows, self.rows - number * self._block_rows)
            yield epoch, number, np.arange(first, last)
            start += last - first
            size -= last - first


def draw_held_out(rows: int, count: int, seed: int) -> NDArray[np.int64]:
    """Draw the rows that are not trained on: ascending numbers, int64."""
    generator = np.random.default_rng([seed, _HELD_OUT])
    return np.sort(generator.choice(rows, count, replace=False, shuffle=False))


def pieces_of(row_counts: Sequence[int], rows: NDArray[np.int64]) -> list[Piece]:
    """Where some rows lie.

    Args:
        row_counts: rows of each split.
        rows: ascending numbers of rows, counted through all splits.

    """
    starts = np.cumsum([0, *row_counts])
    bounds = np.searchsorted(rows, starts)
    return [
        Piece(split=split, rows=rows[first:last] - starts[split])
        for split, (first, last) in enumerate(itertools.pairwise(bounds))
        if first < last
    ]
