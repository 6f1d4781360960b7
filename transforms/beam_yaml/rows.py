"""Records as Beam rows, whose schema YAML pipelines and Beam's own sinks know."""

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.pvalue import PCollection, Row
from apache_beam.typehints.row_type import RowTypeConstraint
from apache_beam.typehints.schemas import named_fields_from_element_type

from schemas.asset import Asset
from schemas.errors import RowError, UsageError
from schemas.failure import FailureKind
from storage.catalog.columns import plain_text, reference_texts
from transforms.catalog_picture import CatalogPicture

# The widths of the published tables (schemas/arrow.py).
_ROW_TYPES: Mapping[Any, Any] = {
    str: str,
    bool: bool,
    int: np.int32,
    float: np.float32,
    tuple[str, ...]: Sequence[str],
}
_TEXTS = ("asset_id", "uri", "text", "license", "source", "content_version", "attributes")
_PICTURE_FIELDS: Sequence[tuple[str, Any]] = [
    *((name, str) for name in _TEXTS),
    ("references", Sequence[str]),
    ("data", bytes | None),
    ("file", str),
    ("row", np.int64),
    ("local", bool),
    ("problem_kind", str),
    ("problem", str),
]


def record_rows(records: PCollection[Any], record: type) -> PCollection[Row]:
    """Turn records of one class into rows of the same fields."""
    hints = typing.get_type_hints(record)
    fields = [(field.name, _ROW_TYPES[hints[field.name]]) for field in dataclasses.fields(record)]
    rows: PCollection[Row] = records | f"{record.__name__}Rows" >> beam.Map(
        _record_row
    ).with_output_types(RowTypeConstraint.from_fields(fields))
    return rows


def picture_rows(pictures: PCollection[CatalogPicture]) -> PCollection[Row]:
    """Turn pictures into flat rows."""
    rows: PCollection[Row] = pictures | "PictureRows" >> beam.Map(_picture_row).with_output_types(
        RowTypeConstraint.from_fields(_PICTURE_FIELDS)
    )
    return rows


def row_pictures(rows: PCollection[Row]) -> PCollection[CatalogPicture]:
    """Turn rows back into pictures; fields that they lack are empty, others are left out.

    Raises:
        UsageError: they lack an id, or anything that says where the pictures are.

    """
    names = _names_of(rows)
    if names is not None and ("asset_id" not in names or not {"uri", "data"} & names):
        raise UsageError(
            "Rows that are to be described need the fields asset_id, and uri or data. "
            f"These have: {', '.join(sorted(names))}."
        )
    pictures: PCollection[CatalogPicture] = rows | "Pictures" >> beam.Map(
        _row_picture
    ).with_output_types(CatalogPicture)
    return pictures


def _names_of(rows: PCollection[Row]) -> set[str] | None:
    """The fields of a collection's rows; None if it has no schema."""
    if rows.element_type is None:
        return None
    try:
        return {name for name, _ in named_fields_from_element_type(rows.element_type)}
    except TypeError:
        return None


def _record_row(record: Any) -> Row:
    return Row(**{field.name: getattr(record, field.name) for field in dataclasses.fields(record)})


def _picture_row(picture: CatalogPicture) -> Row:
    problem = picture.problem
    return Row(
        **{name: getattr(picture.asset, name) for name in _TEXTS},
        references=picture.asset.references,
        data=picture.data,
        file=picture.file,
        row=picture.row,
        local=picture.local,
        problem_kind=problem.kind.value if problem else "",
        problem=problem.message if problem else "",
    )


def _row_picture(row: Any) -> CatalogPicture:
    texts = {name: plain_text(getattr(row, name, None)) for name in _TEXTS}
    kind = getattr(row, "problem_kind", None)
    return CatalogPicture(
        asset=Asset(
            **{**texts, "attributes": texts["attributes"] or "{}"},
            references=reference_texts(getattr(row, "references", None)),
        ),
        data=getattr(row, "data", None),
        file=plain_text(getattr(row, "file", None)),
        row=int(getattr(row, "row", None) or 0),
        local=bool(getattr(row, "local", None)),
        problem=RowError(FailureKind(kind), plain_text(row.problem)) if kind else None,
    )
