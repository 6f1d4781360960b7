"""Which column of a catalog is what."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.asset import Asset
from schemas.errors import CatalogError, RowError
from schemas.failure import FailureKind

_USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "asset_id", "image_id", "key", "__key__"),
    "uri": ("uri", "url", "path", "image", "image_url", "image_path", "file_name", "filename"),
    "text": ("text", "caption"),
    "license": ("license", "licence"),
    "source": ("source",),
    "references": ("references", "captions"),
    "version": ("content_version", "etag", "version", "updated", "updated_at", "sha256"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnNames:
    """Column names given by the user; empty means: find it by the field's usual names."""

    id: str = ""
    uri: str = ""
    text: str = ""
    license: str = ""
    source: str = ""
    references: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """The columns of one catalog; None where there is none.

    Attributes:
        others: the columns that stand for nothing we know: they become ``attributes``.

    """

    id: str | None
    uri: str
    text: str | None
    license: str | None
    source: str | None
    references: str | None
    version: str | None
    others: tuple[str, ...]


def map_columns(present: Sequence[str], given: ColumnNames, *, picture: str = "") -> ColumnMap:
    """Find out which column is what.

    Args:
        present: the catalog's columns.
        given: names the user gave.
        picture: a column known by its type to hold pictures, taken where no usual name fits.

    Raises:
        CatalogError: a given column is absent, or no column names the pictures.

    """
    found: dict[str, str | None] = {}
    for role, usual in _USUAL_NAMES.items():
        name = getattr(given, role)
        if name and name not in present:
            raise CatalogError(
                f"The catalog has no column {name!r} (asked for as the {role} column). "
                f"It has: {_listed(present)}."
            )
        found[role] = name or next((other for other in usual if other in present), None)
    uri = found["uri"] or picture
    if not uri:
        raise CatalogError(
            f"No column says where the pictures are. The catalog has: {_listed(present)}; "
            f"looked for {_listed(_USUAL_NAMES['uri'])}. Name it with --columns.uri."
        )
    known = {name for name in found.values() if name} | {uri}
    return ColumnMap(
        id=found["id"],
        uri=uri,
        text=found["text"],
        license=found["license"],
        source=found["source"],
        references=found["references"],
        version=found["version"],
        others=tuple(name for name in present if name not in known),
    )


def build_asset(
    record: Mapping[str, Any], columns: ColumnMap, asset_id: str, uri: str, version: str
) -> Asset:
    """Make an asset of one row's values."""
    text = _text(record, columns.text)
    references = record.get(columns.references) if columns.references else None
    if isinstance(references, str):
        references = [references]
    if not references:
        references = [text] if text else []
    return Asset(
        asset_id=asset_id,
        uri=uri,
        text=text,
        license=_text(record, columns.license),
        source=_text(record, columns.source),
        references=tuple(str(reference) for reference in references),
        content_version=version,
        attributes=attributes_json({name: record.get(name) for name in columns.others}),
    )


def attributes_json(values: Mapping[str, Any]) -> str:
    """Write the catalog's other columns as JSON text: bytes are left out, NaN becomes null."""
    if not values:
        return "{}"
    kept = {name: _plain(value) for name, value in values.items() if not _is_bytes(value)}
    return json.dumps(kept, ensure_ascii=False, default=str)


def id_text(value: object) -> str | None:
    """An id as text; None where there is none (null, empty or NaN)."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(value)


def missing_id(row: str) -> RowError:
    """The problem of a row without id."""
    return RowError(
        FailureKind.MISSING_ID, f"{row} has no id. Give it one, or name another id column."
    )


def missing_uri(row: str) -> RowError:
    """The problem of a row that names no picture."""
    return RowError(FailureKind.INVALID_ROW, f"{row} names no picture. Fill in its uri.")


def _text(record: Mapping[str, Any], name: str | None) -> str:
    value = record.get(name) if name else None
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items() if not _is_bytes(item)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value if not _is_bytes(item)]
    return value


def _is_bytes(value: object) -> bool:
    return isinstance(value, (bytes, bytearray, memoryview))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
