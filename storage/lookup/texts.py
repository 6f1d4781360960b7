"""Columns of texts."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from storage.lookup.arrays import NewFiles, OffsetsWriter, Rows, map_array, spans


class TextWriter:
    """Writes texts."""

    def __init__(self, files: NewFiles, name: str) -> None:
        self._values = files.open(f"{name}.values")
        self._offsets = OffsetsWriter(files, name)

    def add(self, values: Any) -> None:
        """Write the next values."""
        if not len(values):
            return
        _, offsets, data = values.buffers()
        begins = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
        self._offsets.add(np.diff(begins))
        if data is not None:
            self._values.write(data[int(begins[0]) : int(begins[-1])])

    def about(self) -> dict[str, Any]:
        """What one has to know to map the column."""
        return {"kind": "text"}


class TextColumn:
    """Texts."""

    def __init__(self, folder: Path, name: str, _about: dict[str, Any]) -> None:
        self._offsets = map_array(folder / f"{name}.offsets", "<i8")
        self._bytes = map_array(folder / f"{name}.values", "u1").data

    def take(self, rows: Rows) -> list[str]:
        """The texts of some rows."""
        text = self._bytes
        begins, ends = self._offsets[rows].tolist(), self._offsets[rows + 1].tolist()
        # Faster than Arrow's way from its arrays to Python's lists.
        return [str(text[begin:end], "utf-8") for begin, end in zip(begins, ends, strict=True)]


class RepeatedTextWriter:
    """Writes texts of which there are few: each once, and its number a row."""

    def __init__(self, files: NewFiles, name: str) -> None:
        self._numbers = files.open(f"{name}.values")
        self._known: dict[str, int] = {}

    def add(self, values: Any) -> None:
        """Write the next values."""
        encoded = pc.dictionary_encode(values)
        numbers = [
            self._known.setdefault(text, len(self._known))
            for text in encoded.dictionary.to_pylist()
        ]
        self._numbers.write(np.array(numbers, "<i4")[encoded.indices.to_numpy()].data)

    def about(self) -> dict[str, Any]:
        """What one has to know to map the column."""
        return {"kind": "repeated", "texts": list(self._known)}


class RepeatedTextColumn:
    """Texts of which there are few."""

    def __init__(self, folder: Path, name: str, about: dict[str, Any]) -> None:
        self._numbers = map_array(folder / f"{name}.values", "<i4")
        self._texts: list[str] = about["texts"]

    def take(self, rows: Rows) -> list[str]:
        """The texts of some rows."""
        texts = self._texts
        return [texts[number] for number in self._numbers[rows].tolist()]


class TextListWriter:
    """Writes lists of texts."""

    def __init__(self, files: NewFiles, name: str) -> None:
        self._lists = OffsetsWriter(files, f"{name}.lists")
        self._texts = TextWriter(files, name)

    def add(self, values: Any) -> None:
        """Write the next values."""
        self._lists.add(np.diff(values.offsets.to_numpy()))
        self._texts.add(values.flatten())

    def about(self) -> dict[str, Any]:
        """What one has to know to map the column."""
        return self._texts.about() | {"kind": "texts"}


class TextListColumn:
    """Lists of texts."""

    def __init__(self, folder: Path, name: str, about: dict[str, Any]) -> None:
        self._lists = map_array(folder / f"{name}.lists.offsets", "<i8")
        self._texts = TextColumn(folder, name, about)

    def take(self, rows: Rows) -> list[tuple[str, ...]]:
        """The lists of some rows."""
        inner, starts = spans(self._lists[rows], self._lists[rows + 1])
        texts = self._texts.take(inner)
        ends = starts.tolist()
        return [tuple(texts[begin:end]) for begin, end in itertools.pairwise(ends)]
