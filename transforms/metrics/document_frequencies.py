"""In how many rows' references an n-gram occurs: what CIDEr weighs by."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transforms.metrics.ngrams import Hashes, Integers, NgramBlock

BYTES_PER_NGRAM = 16
"""What each different n-gram takes: its hash and its frequency."""


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
        """Those of all rows together."""
        parts = list(some)
        if not parts:
            return cls.empty()
        hashes = np.concatenate([part.hashes for part in parts])
        counts = np.concatenate([part.counts for part in parts])
        # Each part is sorted, and a stable sort makes use of that.
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]])[: len(hashes)])
        summed = np.add.reduceat(counts[order], starts) if len(starts) else counts
        return cls(rows=sum(part.rows for part in parts), hashes=hashes[starts], counts=summed)

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
        return b"".join(
            [
                head.tobytes(),
                self.hashes.astype("<u8").tobytes(),
                self.counts.astype("<i8").tobytes(),
            ]
        )

    @classmethod
    def map(cls, path: Path) -> "DocumentFrequencies":
        """Map what was written down: one copy in memory for all processes of a machine."""
        rows, size = np.fromfile(path, "<i8", count=2).tolist()
        if not size:
            return cls(rows=rows, hashes=np.empty(0, np.uint64), counts=np.empty(0, np.int64))
        words = np.memmap(path, "<u8", mode="r", offset=16, shape=(2 * size,))
        return cls(rows=rows, hashes=words[:size], counts=words[size:].view("<i8"))
