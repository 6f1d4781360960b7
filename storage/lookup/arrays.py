"""Flat files of a lookup: appended to batch by batch, then memory-mapped.

``<name>.values`` holds a column's values end to end, little-endian; of columns whose values differ
in length ``<name>.offsets`` holds where each begins: int64, one more than there are values. So a
row's value is found at once, however many rows there are, and numbers are views of the mapped file.
A file of record batches would make of each random batch of rows a visit to nearly every batch.
"""

import contextlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class NewFiles(contextlib.ExitStack):
    """Files that are being written, closed however that ends.

    Args:
        folder: gets them.

    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def open(self, name: str) -> BinaryIO:
        """Begin a file."""
        return self.enter_context((self.folder / name).open("wb"))


class OffsetsWriter:
    """Writes a file of where each value begins."""

    def __init__(self, files: NewFiles, name: str) -> None:
        self._file = files.open(f"{name}.offsets")
        self._file.write(bytes(8))
        self._end = 0

    def add(self, lengths: NDArray[Any]) -> None:
        """Write where the next values end, of these lengths."""
        ends = np.cumsum(lengths, dtype="<i8") + self._end
        self._file.write(ends.data)
        self._end = int(ends[-1]) if len(ends) else self._end


def spans(begins: Rows, ends: Rows) -> tuple[Rows, Rows]:
    """Give the numbers of several ranges, end to end.

    Args:
        begins: int64 array of shape (ranges,).
        ends: int64 array of shape (ranges,), exclusive.

    Returns:
        The numbers, and where each range begins among them: int64 array of shape (ranges + 1,).

    """
    lengths = ends - begins
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    numbers = np.arange(starts[-1]) + np.repeat(begins - starts[:-1], lengths)
    return numbers, starts


def map_array(path: Path, kind: str) -> NDArray[Any]:
    """Map a file as an array of one dimension."""
    if not path.stat().st_size:
        return np.empty(0, kind)
    return np.asarray(np.memmap(path, dtype=kind, mode="r"))
