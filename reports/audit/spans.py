"""Spans of words as hashes: those of many texts at once, and sets of them that lie on disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Words = Sequence[str]
Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HASHES_OF_A_RUN = 1 << 22


def hash_spans(texts: Sequence[Words], length: int) -> tuple[Hashes, Places, Places]:
    """Hash each span of so many words of some texts.

    A span's hash is a polynomial over its words' hashes, which are Python's own: 64 bits, seeded
    anew in each process, so nobody can make texts whose spans collide.

    Returns:
        uint64 array of the spans' hashes, and two int64 arrays of the same length: which text each
        is of, and at which word of it it begins.

    """
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    whole = int(sizes.sum())
    words = np.fromiter((hash(word) for text in texts for word in text), np.int64, whole)
    ends = np.cumsum(sizes)
    which = np.repeat(np.arange(len(texts)), sizes)
    begins = np.arange(whole)
    within = begins + length <= ends[which] if whole else np.zeros(0, bool)
    count = max(whole - length + 1, 0)
    hashes = np.zeros(count, np.uint64)
    for place in range(length):
        hashes = hashes * _FACTOR + words[place : place + count].astype(np.uint64)
    begins, which = begins[within], which[within]
    hashes = hashes[begins]
    hashes ^= hashes >> np.uint64(29)
    return hashes, which, begins - (ends - sizes)[which]


class SpanSet:
    """A set of hashes in sorted runs on disk: 8 bytes each there, 64 MB of memory to make it.

    Args:
        folder: an empty one.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: list[Hashes] = []
        self._waiting: list[Hashes] = []
        self._count = 0

    def add(self, hashes: Hashes) -> None:
        """Add some."""
        self._waiting.append(hashes)
        self._count += len(hashes)
        if self._count >= _HASHES_OF_A_RUN:
            self.close()

    def close(self) -> None:
        """Put what was added where it can be found."""
        if not self._count:
            return
        path = self._folder / f"{len(self._runs)}.npy"
        np.save(path, np.unique(np.concatenate(self._waiting)))
        self._runs.append(np.load(path, mmap_mode="r"))
        self._waiting, self._count = [], 0

    def holds(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Which of some hashes are in it: bool array of their shape."""
        asked, inverse = np.unique(hashes, return_inverse=True)
        there = np.zeros(len(asked), bool)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, asked), len(run) - 1)
            there |= run[at] == asked
        return there[inverse]
