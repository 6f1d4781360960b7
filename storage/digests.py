"""Sorted sets of row keys in files, searched where they lie.

A file holds a header of 16 bytes (magic, number of keys), then all first words, then all second
words, both little-endian uint64, sorted by (first, second): 16 bytes a key, 160 MB for ten
million. A local file is memory-mapped, so all processes of a machine share one copy.
"""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.keys import Words

Flags = NDArray[np.bool_]

_MAGIC = b"calkeys1"
_HEADER_BYTES = 16
_KEYS_PER_BUCKET = 32
_COPIED_AT_ONCE = 1 << 20


class DigestFile:
    """One sorted set of keys."""

    def __init__(self, first: Words, second: Words) -> None:
        self.first = first
        self.second = second
        self._buckets: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.first)

    @classmethod
    def map(cls, path: Path) -> "DigestFile":
        """Memory-map a file.

        Raises:
            ValueError: the file is not a digest file, or is cut short.

        """
        with path.open("rb") as file:
            count = _read_header(file.read(_HEADER_BYTES), path.stat().st_size)
        if count == 0:
            return cls(np.empty(0, np.uint64), np.empty(0, np.uint64))
        words: Words = np.memmap(path, dtype="<u8", mode="r", offset=_HEADER_BYTES)
        return cls(words[:count], words[count:])

    @classmethod
    def parse(cls, data: bytes) -> "DigestFile":
        """Read a file's content from memory.

        Raises:
            ValueError: the content is not a digest file, or is cut short.

        """
        count = _read_header(data[:_HEADER_BYTES], len(data))
        words = np.frombuffer(data, dtype="<u8", offset=_HEADER_BYTES)
        return cls(words[:count], words[count:])

    def serialize(self) -> bytes:
        """The file's content."""
        header = _MAGIC + len(self).to_bytes(8, "little")
        words = [words.astype("<u8", copy=False) for words in (self.first, self.second)]
        return b"".join([header, *(np.ascontiguousarray(part).data for part in words)])

    def contains(self, first: Words, second: Words) -> Flags:
        """Tell for each key whether it is in the set.

        Args:
            first: uint64 array of shape (keys,), the keys' first words.
            second: uint64 array of shape (keys,), their second words.

        Returns:
            bool array of shape (keys,).

        """
        return self.positions(first, second) >= 0

    def positions(self, first: Words, second: Words) -> NDArray[np.int64]:
        """Tell for each key where among the sorted ones it is; see :meth:`contains`.

        Returns:
            int64 array of shape (keys,), -1 for a key that is not in the set.

        """
        found = np.full(len(first), -1, np.int64)
        if not len(self) or not len(first):
            return found
        # Sorted needles walk the file forward: pages are touched once, and in order.
        order = np.argsort(first)
        at = self._find(first[order])
        pending = order
        while len(pending):
            inside = at < len(self)
            pending, at = pending[inside], at[inside]
            same = self.first[at] == first[pending]
            pending, at = pending[same], at[same]
            hit = self.second[at] == second[pending]
            found[pending[hit]] = at[hit]
            # Several versions of one row share their first word: look at the next one.
            pending, at = pending[~hit], at[~hit] + 1
        return found

    def _find(self, needles: Words) -> NDArray[np.int64]:
        """Do what ``np.searchsorted`` does, from a table of where each leading bit pattern begins.

        Keys are hashes, so the table leaves about 32 of them to look among; searching ten million
        from the middle of the file misses the processor's caches at every step.
        """
        size = len(self.first)
        bits = max(size // _KEYS_PER_BUCKET, 1).bit_length()
        shift = np.uint64(64 - bits)
        if self._buckets is None:
            starts = np.searchsorted(self.first, np.arange(1 << bits, dtype=np.uint64) << shift)
            self._buckets = np.append(starts, size)
        bucket = (needles >> shift).astype(np.int64)
        low, high = self._buckets[bucket], self._buckets[bucket + 1]
        for _ in range(int((high - low).max()).bit_length()):
            middle = (low + high) >> 1
            before = (middle < high) & (self.first[np.minimum(middle, size - 1)] < needles)
            low, high = np.where(before, middle + 1, low), np.where(before, high, middle)
        return low


class DigestSet:
    """The union of several digest files."""

    def __init__(self, files: Sequence[DigestFile]) -> None:
        self._files = [file for file in files if len(file)]

    def __len__(self) -> int:
        return sum(len(file) for file in self._files)

    def contains(self, first: Words, second: Words) -> Flags:
        """Tell for each key whether any file has it; see :meth:`DigestFile.contains`."""
        found = np.zeros(len(first), dtype=bool)
        for file in self._files:
            found |= file.contains(first, second)
        return found


def merge_digests(files: Iterable[DigestFile]) -> DigestFile:
    """Merge sorted sets into one, each key once."""
    parts = list(files)
    if not parts:
        return DigestFile(np.empty(0, np.uint64), np.empty(0, np.uint64))
    return sorted_digests(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
    )


def sorted_digests(first: Words, second: Words) -> DigestFile:
    """Sort keys and drop repeats."""
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    repeats = (first[1:] == first[:-1]) & (second[1:] == second[:-1])
    if repeats.any():
        keep = np.append(True, ~repeats)
        first, second = first[keep], second[keep]
    return DigestFile(first, second)


def write_digests(path: Path, sets: Iterable[DigestFile]) -> None:
    """Write sorted sets as one file. All keys of a set are less than those of the next.

    Memory is that of one set.
    """
    count = 0
    with path.open("wb") as file, tempfile.TemporaryFile(dir=path.parent) as seconds:
        file.write(bytes(_HEADER_BYTES))
        for one in sets:
            count += len(one)
            file.write(np.ascontiguousarray(one.first, "<u8").data)
            seconds.write(np.ascontiguousarray(one.second, "<u8").data)
        seconds.seek(0)
        shutil.copyfileobj(seconds, file, _COPIED_AT_ONCE)
        file.seek(0)
        file.write(_MAGIC + count.to_bytes(8, "little"))


def _read_header(header: bytes, size: int) -> int:
    count = int.from_bytes(header[8:16], "little")
    if header[:8] != _MAGIC or size != _HEADER_BYTES + 16 * count:
        raise ValueError("not a digest file, or cut short")
    return count
