"""The columns of a lookup, by their types."""

from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from storage.lookup.arrays import NewFiles, Rows
from storage.lookup.numbers import NumberColumn, NumberWriter, VectorColumn, VectorWriter
from storage.lookup.texts import (
    RepeatedTextColumn,
    RepeatedTextWriter,
    TextColumn,
    TextListColumn,
    TextListWriter,
    TextWriter,
)

_KINDS: "dict[str, Any]" = {
    "text": TextColumn,
    "repeated": RepeatedTextColumn,
    "number": NumberColumn,
    "vector": VectorColumn,
    "texts": TextListColumn,
}


class ColumnWriter(Protocol):
    """Writes a column, a batch at a time."""

    def add(self, values: Any) -> None:
        """Write the next values: an Arrow array of the column's type, without nulls."""
        ...

    def about(self) -> dict[str, Any]:
        """What :func:`map_column` has to know, as JSON has it; known once all values are there."""
        ...


class Column(Protocol):
    """A column that lies in files."""

    def take(self, rows: Rows) -> list[Any]:
        """The values of some rows, in their order."""
        ...


def column_writer(files: NewFiles, field: "pa.Field[Any]", *, repeated: bool) -> ColumnWriter:
    """Begin a column.

    Args:
        files: gets its files.
        field: its name and type: text, whole number, list of numbers or list of text.
        repeated: of text: whether it has few values, which are then kept once.

    """
    name, kind = field.name, field.type
    if pa.types.is_string(kind):
        return RepeatedTextWriter(files, name) if repeated else TextWriter(files, name)
    if isinstance(kind, pa.ListType):
        if pa.types.is_string(kind.value_type):
            return TextListWriter(files, name)
        return VectorWriter(files, name, kind.value_type)
    return NumberWriter(files, name, kind)


def map_column(folder: Path, name: str, about: dict[str, Any]) -> Column:
    """Map a column that was written.

    Args:
        about: what the writer said.

    Raises:
        FileNotFoundError: its files are gone.

    """
    column: Column = _KINDS[about["kind"]](folder, name, about)
    return column
