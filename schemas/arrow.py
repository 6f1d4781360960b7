"""The one mapping between records and Arrow. Nothing else knows Parquet types.

A column's meaning, unit included, stands in its field metadata under ``meaning``; the file's
metadata carries the schema version, the run id and the version of Calumma.
"""

import dataclasses
import functools
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from schemas.vectors import Float16Vector, Float32Vector, Int32Vector, Int64

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
    Int64: pa.int64(),
    float | None: pa.float32(),
}
_NULLABLE = (float | None,)


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
        if python_type not in _ARROW_TYPES:
            raise TypeError(f"{record.__name__}.{field.name}: no Arrow type for {python_type}")
        metadata = {"meaning": notes[0]} if notes else None
        nullable = python_type in _NULLABLE
        columns.append(
            pa.field(field.name, _ARROW_TYPES[python_type], nullable=nullable, metadata=metadata)
        )
    return pa.schema(columns)


def to_table(record: type, rows: Sequence[Any]) -> pa.Table:
    """Turn records of one class into an Arrow table with that class's schema."""
    schema = arrow_schema(record)
    columns = [
        pa.array([getattr(row, field.name) for row in rows], type=field.type) for field in schema
    ]
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
