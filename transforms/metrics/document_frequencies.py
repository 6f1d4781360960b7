"""In how many rows' references an n-gram occurs: what CIDEr weighs by."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transforms.metrics.ngrams import Hashes, Integers, NgramBlock

BYTES_PER_NGRAM = 16
"""What each different n-gram takes: its hash and its frequency."""

_MERGED_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DocumentFrequencies:
    """Frequencies of n-grams in rows.

    Whole numbers are added up, so how and in which order frequencies are merged makes no
    difference.

    Attributes:
        rows: how many there are.
        hashes: the different n-grams of their references, ascending.
        counts: in how many rows' references each occurs.

    """

    rows: int
    hashes: Hashes
    counts: Integers

    @classmethod
    def empty(cls) -> "DocumentFrequencies":
        """Of no rows."""
        return cls(rows=0, hashes=np.empty(0, np.uint64), counts=np.empty(0, np.int64))

    @classmethod
    def of(cls, block: NgramBlock) -> "DocumentFrequencies":
        """Of the references of a block: an n-gram counts once a row."""
        references = ~block.is_candidate
        groups = np.zeros(len(block.group_starts), bool)
        groups[block.group[references]] = True
        counts = np.bincount(
            block.ngram[block.group_starts[groups]], minlength=len(block.hashes)
        ).astype(np.int64)
        there = counts > 0
        return cls(rows=block.row_count, hashes=block.hashes[there], counts=counts[there])

    @classmethod
    def merge(cls, some: Iterable["DocumentFrequencies"]) -> "DocumentFrequencies":
        """Those of all rows together. Beside the parts and the result there is little in memory."""
        parts = list(some)
        size = sum(len(part.hashes) for part in parts)
        # Memory is taken where it is written to: as much as there are different n-grams.
        merged, counts = np.empty(size, np.uint64), np.empty(size, np.int64)
        end = 0
        for slices in _ranges([part.hashes for part in parts]):
            within = list(zip(parts, slices, strict=True))
            hashes = np.concatenate([part.hashes[some] for part, some in within])
            # Each part is sorted, and a stable sort makes use of that.
            order = np.argsort(hashes, kind="stable")
            hashes = hashes[order]
            starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
            here = slice(end, end + len(starts))
            merged[here] = hashes[starts]
            unsummed = np.concatenate([part.counts[some] for part, some in within])[order]
            counts[here] = np.add.reduceat(unsummed, starts)
            end += len(starts)
        merged.resize(end, refcheck=False)
        counts.resize(end, refcheck=False)
        return cls(rows=sum(part.rows for part in parts), hashes=merged, counts=counts)

    def look_up(self, hashes: Hashes) -> Integers:
        """The frequencies of n-grams, 0 for those in no reference.

        Args:
            hashes: ascending, which is much faster than any order.

        """
        if not len(self.hashes):
            return np.zeros(len(hashes), np.int64)
        places = np.searchsorted(self.hashes, hashes)
        places[places == len(self.hashes)] = 0
        return np.where(self.hashes[places] == hashes, self.counts[places], 0)

    def serialize(self) -> bytes:
        """Write them down: a count of rows, then hashes and counts."""
        head = np.array([self.rows, len(self.hashes)], "<i8")
        columns = self.hashes.astype("<u8", copy=False), self.counts.astype("<i8", copy=False)
        return b"".join(column.data for column in (head, *columns))

    @classmethod
    def map(cls, path: Path) -> "DocumentFrequencies":
        """Map what was written down: one copy in memory for all processes of a machine."""
        rows, size = np.fromfile(path, "<i8", count=2).tolist()
        if not size:
            return cls(rows=rows, hashes=np.empty(0, np.uint64), counts=np.empty(0, np.int64))
        words = np.memmap(path, "<u8", mode="r", offset=16, shape=(2 * size,))
        return cls(rows=rows, hashes=words[:size], counts=words[size:].view("<i8"))


def _ranges(parts: Sequence[Hashes]) -> Iterator[list[slice]]:
    """Where hashes of one range after the other lie in each part; none is empty in all of them."""
    size = sum(map(len, parts))
    if not size:
        return
    largest = max(parts, key=len)
    # Hashes are spread evenly, so where one part ends with a range, so do the others, about.
    step = max(len(largest) * _MERGED_AT_ONCE // size, 1)
    edges = largest[step::step]
    places = np.array([[0, *np.searchsorted(one, edges), len(one)] for one in parts])
    for at in range(len(edges) + 1):
        yield [slice(*some) for some in places[:, at : at + 2].tolist()]
