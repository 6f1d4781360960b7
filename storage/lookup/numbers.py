"""Columns of numbers, and of lists of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.errors import CatalogError
from storage.lookup.arrays import NewFiles, OffsetsWriter, Rows, map_array

_COPIED_AT_ONCE = 1 << 22


class NumberWriter:
    """Writes numbers."""

    def __init__(self, files: NewFiles, name: str, kind: pa.DataType) -> None:
        self._values = files.open(f"{name}.values")
        self._type = _dtype(kind)

    def add(self, values: Any) -> None:
        """Write the next values."""
        self._values.write(values.to_numpy(zero_copy_only=False).astype(self._type).data)

    def about(self) -> dict[str, Any]:
        """What one has to know to map the column."""
        return {"kind": "number", "type": self._type.str}


class NumberColumn:
    """Numbers."""

    def __init__(self, folder: Path, name: str, about: dict[str, Any]) -> None:
        self._values = map_array(folder / f"{name}.values", about["type"])

    def take(self, rows: Rows) -> list[Any]:
        """The numbers of some rows."""
        return list(self._values[rows].tolist())


class VectorWriter:
    """Lists of numbers. Whole ones, which are codes, take 16 bits until one needs more."""

    def __init__(self, files: NewFiles, name: str, kind: pa.DataType) -> None:
        self._files, self._name = files, name
        self._values = files.open(f"{name}.values")
        self._offsets = OffsetsWriter(files, name)
        self._codes = pa.types.is_integer(kind)
        self._type = np.dtype("<u2") if self._codes else _dtype(kind)

    def add(self, values: Any) -> None:
        """Write the next values."""
        flat = values.flatten().to_numpy(zero_copy_only=False)
        if self._codes and len(flat):
            if flat.min() < 0:
                raise CatalogError(f"A code of {self._name} is {flat.min()}: the file is damaged.")
            if self._type.itemsize == 2 and flat.max() > np.iinfo(np.uint16).max:
                self._widen()
        self._offsets.add(np.diff(values.offsets.to_numpy()))
        self._values.write(flat.astype(self._type).data)

    def about(self) -> dict[str, Any]:
        """What one has to know to map the column."""
        return {"kind": "vector", "type": self._type.str}

    def _widen(self) -> None:
        """Write what is there again with 32 bits a code. It comes up once, and early."""
        self._values.close()
        folder = self._files.folder
        narrow = (folder / f"{self._name}.values").rename(folder / "narrow")
        self._type = np.dtype("<u4")
        self._values = self._files.open(f"{self._name}.values")
        with narrow.open("rb") as file:
            while block := file.read(_COPIED_AT_ONCE):
                self._values.write(np.frombuffer(block, "<u2").astype(self._type).data)
        narrow.unlink()


class VectorColumn:
    """Lists of numbers."""

    def __init__(self, folder: Path, name: str, about: dict[str, Any]) -> None:
        self._offsets = map_array(folder / f"{name}.offsets", "<i8")
        self._values = map_array(folder / f"{name}.values", about["type"])

    def take(self, rows: Rows) -> list[NDArray[Any]]:
        """The vectors of some rows: views of the mapped file, which nobody may write to."""
        values = self._values
        begins, ends = self._offsets[rows].tolist(), self._offsets[rows + 1].tolist()
        return [values[begin:end] for begin, end in zip(begins, ends, strict=True)]


def _dtype(kind: pa.DataType) -> np.dtype[Any]:
    return np.dtype(kind.to_pandas_dtype()).newbyteorder("<")
