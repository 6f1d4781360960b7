"""The one mapping between records and Arrow. Nothing else knows Parquet types.

A column's meaning, unit included, stands in its field metadata under ``meaning``; the file's
metadata carries the schema version, the run id and the version of Calumma.
"""

import dataclasses
import functools
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.vectors import (
    Float16Vector,
    Float32Vector,
    Float64,
    Float64Vector,
    Int32Vector,
    Int64,
    OptionalFloat64,
    UInt16Vector,
    UInt32Vector,
)

SCHEMA_VERSION = 1
"""Raised when a published table's columns change; part of every row key."""

_ARROW_TYPES: Mapping[Any, pa.DataType] = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int32(),
    float: pa.float32(),
    bytes: pa.binary(),
    tuple[str, ...]: pa.list_(pa.string()),
    Float32Vector: pa.list_(pa.float32()),
    Float16Vector: pa.list_(pa.float16()),
    Int32Vector: pa.list_(pa.int32()),
    UInt16Vector: pa.list_(pa.uint16()),
    UInt32Vector: pa.list_(pa.uint32()),
    Float64Vector: pa.list_(pa.float64()),
    Int64: pa.int64(),
    Float64: pa.float64(),
    OptionalFloat64: pa.float64(),
    float | None: pa.float32(),
    int | None: pa.int32(),
}
_NULLABLE = (float | None, int | None, OptionalFloat64)


@functools.cache
def arrow_schema(record: type) -> pa.Schema:
    """Derive the Arrow schema of a record class.

    Raises:
        TypeError: a field has a type that no table may hold.

    """
    hints = typing.get_type_hints(record, include_extras=True)
    columns = []
    for field in dataclasses.fields(record):
        annotation = hints[field.name]
        python_type, *notes = typing.get_args(annotation) or (annotation,)
        if typing.get_origin(annotation) is not typing.Annotated:
            python_type, notes = annotation, []
        arrow_type = _ARROW_TYPES.get(python_type) or _records_type(python_type)
        if arrow_type is None:
            raise TypeError(f"{record.__name__}.{field.name}: no Arrow type for {python_type}")
        metadata = {"meaning": notes[0]} if notes else None
        nullable = python_type in _NULLABLE
        columns.append(pa.field(field.name, arrow_type, nullable=nullable, metadata=metadata))
    return pa.schema(columns)


def to_table(record: type, rows: Sequence[Any]) -> pa.Table:
    """Turn records of one class into an Arrow table with that class's schema."""
    schema = arrow_schema(record)
    columns = [_column([getattr(row, field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def from_table(record: type, table: pa.Table) -> list[Any]:
    """Turn an Arrow table back into records; list columns become tuples."""
    names = arrow_schema(record).names
    columns = [
        [tuple(value) if isinstance(value, list) else value for value in table[name].to_pylist()]
        for name in names
    ]
    return [
        record(**dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)
    ]


def _records_type(python_type: Any) -> pa.DataType | None:
    """The type of a column that holds records of another class: ``tuple[Record, ...]``."""
    arguments = typing.get_args(python_type)
    if typing.get_origin(python_type) is not tuple or not dataclasses.is_dataclass(arguments[0]):
        return None
    record = arguments[0]
    assert isinstance(record, type)
    return pa.list_(pa.struct(list(arrow_schema(record))))


def _column(values: Sequence[Any], arrow_type: pa.DataType) -> "pa.Array[Any]":
    if not isinstance(arrow_type, pa.ListType) or not isinstance(
        arrow_type.value_type, pa.StructType
    ):
        return pa.array(values, type=arrow_type)
    # Field by field: record by record takes several times as long.
    fields = list(arrow_type.value_type)
    flat = [one for some in values for one in some]
    children = [
        pa.array([getattr(one, field.name) for one in flat], type=field.type) for field in fields
    ]
    offsets = pa.array(np.cumsum([0, *map(len, values)]), pa.int32())
    structs = pa.StructArray.from_arrays(children, fields=fields)
    return pa.ListArray.from_arrays(offsets, structs, type=arrow_type)
