"""The ids of a shard's rows, in two files that are read where they lie.

One holds the ids' UTF-8 bytes end to end, the other where each begins: little-endian int64, one
more than there are ids. Together they are the buffers of an Arrow ``large_string`` array, so the id
of a row is found at once, and Arrow looks ids up without reading them into Python.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from storage.index.errors import VectorError

Rows = NDArray[np.int64]

_BLOCK = 1 << 20


class IdWriter:
    """Writes ids, a batch at a time.

    Args:
        offsets: file of where each id begins.
        text: file of the ids' bytes.

    """

    def __init__(self, offsets: BinaryIO, text: BinaryIO) -> None:
        self._offsets = offsets
        self._text = text
        self._end = 0
        offsets.write(bytes(8))

    def add(self, ids: Sequence[str]) -> None:
        """Write the ids of the next rows.

        Raises:
            VectorError: one of them is not text that UTF-8 can hold.

        """
        try:
            encoded = [one.encode() for one in ids]
        except UnicodeEncodeError as error:
            raise VectorError(f"The id {error.object!r} is not valid Unicode.") from error
        ends = self._end + np.cumsum([len(one) for one in encoded], dtype=np.int64)
        self._text.write(b"".join(encoded))
        self._offsets.write(ends.astype("<i8").tobytes())
        self._end = int(ends[-1]) if len(ends) else self._end


class IdFile:
    """The ids of a shard, memory-mapped.

    Args:
        offsets: content of the file of offsets.
        text: content of the file of ids.
        count: how many ids there are.

    """

    def __init__(self, offsets: pa.Buffer, text: pa.Buffer, count: int) -> None:
        self._offsets = np.frombuffer(memoryview(offsets), dtype="<i8")
        self._text = memoryview(text)
        buffers = [None, offsets, text]  # the first: no id is missing
        self._ids: Any = pa.Array.from_buffers(pa.large_string(), count, buffers)

    def __len__(self) -> int:
        return len(self._ids)

    @classmethod
    def map(cls, offsets: Path, text: Path, count: int) -> "IdFile":
        """Map the files of so many ids."""
        return cls(_map_buffer(offsets), _map_buffer(text), count)

    def take(self, rows: Rows) -> list[str]:
        """Give the ids of some rows: int64 array of shape (rows,)."""
        text = self._text
        starts, ends = self._offsets[rows].tolist(), self._offsets[rows + 1].tolist()
        # Three times as fast as Arrow's way from its arrays to Python's lists.
        return [str(text[start:end], "utf-8") for start, end in zip(starts, ends, strict=True)]

    def find(self, ids: Sequence[str]) -> Rows:
        """Give the rows that have one of some ids, ascending: int64 array of shape (found,)."""
        wanted = pa.array(ids, pa.large_string())
        found = pc.is_in(self._ids, value_set=wanted).to_numpy(zero_copy_only=False)
        return np.flatnonzero(found).astype(np.int64)

    def doubled(self) -> str | None:
        """Give an id that several rows have, or None.

        Memory: a hash table of the ids, about 50 bytes each and their text once.
        """
        if pc.count_distinct(self._ids).as_py() == len(self):
            return None
        counts = pc.value_counts(self._ids)
        several = counts.filter(pc.greater(counts.field("counts"), pa.scalar(1)))
        doubled: str = several.field("values")[0].as_py()
        return doubled


def append_offsets(source: Path, count: int, start: int, target: BinaryIO) -> int:
    """Write the offsets of one file's ids behind those of others.

    Args:
        source: file of offsets.
        count: ids in it.
        start: bytes of text before them in the target.
        target: gets where each id ends.

    Returns:
        Where the last one ends.

    """
    offsets = np.memmap(source, dtype="<i8", mode="r")
    for begin in range(1, count + 1, _BLOCK):
        block = offsets[begin : min(begin + _BLOCK, count + 1)]
        target.write((block + start).astype("<i8").tobytes())
    return start + int(offsets[count])


def _map_buffer(path: Path) -> pa.Buffer:
    if not path.stat().st_size:
        return pa.py_buffer(b"")
    return pa.memory_map(str(path)).read_buffer()
