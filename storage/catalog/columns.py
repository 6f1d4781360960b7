"""Which column of a catalog is what."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.asset import Asset
from schemas.errors import CatalogError, NoPictureError, RowError
from schemas.failure import FailureKind

_MAX_DEPTH = 64

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
    """Column names given by the user; empty means: find it by the field's usual names.

    Attributes:
        pictures_needed: whether a catalog in which nothing names pictures is refused.
        usual_texts: usual names of the text, where they are others than a catalog's.
        folder: where the file names of COCO annotations start from; empty for their own folder.

    """

    id: str = ""
    uri: str = ""
    text: str = ""
    license: str = ""
    source: str = ""
    references: str = ""
    version: str = ""
    pictures_needed: bool = True
    usual_texts: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """The columns of one catalog; None where there is none.

    Attributes:
        uri: empty where there is none.
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

    @property
    def known(self) -> frozenset[str | None]:
        """The columns that stand for something."""
        return frozenset(
            (self.id, self.uri, self.text, self.license, self.source, self.references, self.version)
        )


def map_columns(
    present: Sequence[str], given: ColumnNames, *, pictures: Sequence[str] = ()
) -> ColumnMap:
    """Find out which column is what.

    Args:
        present: the catalog's columns.
        given: names the user gave.
        pictures: columns that by their type may hold pictures: the first that stands for nothing
            else is taken where no usual name fits.

    Raises:
        CatalogError: a given column is absent, or no column names the pictures.

    """
    found: dict[str, str | None] = {}
    for role, usual in _USUAL_NAMES.items():
        name = getattr(given, role)
        if role == "text" and given.usual_texts:
            usual = given.usual_texts  # noqa: PLW2901
        if name and name not in present:
            raise CatalogError(
                f"The catalog has no column {name!r} (asked for as the {role} column). "
                f"It has: {_listed(present)}."
            )
        found[role] = name or next((other for other in usual if other in present), None)
    uri = found["uri"] or next((name for name in pictures if name not in found.values()), None)
    if not uri and given.pictures_needed:
        raise CatalogError(
            f"No column says where the pictures are. The catalog has: {_listed(present)}; "
            f"looked for {_listed(_USUAL_NAMES['uri'])}. Name it with --columns.uri."
        )
    known = {name for name in (*found.values(), uri) if name}
    return ColumnMap(
        id=found["id"],
        uri=uri or "",
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
    text = plain_text(record.get(columns.text)) if columns.text else ""
    references = reference_texts(record.get(columns.references)) if columns.references else ()
    if not references and text:
        references = (text,)
    known = columns.known
    # Also those that only some records have: JSON objects need not be alike.
    attributes = {name: record.get(name) for name in columns.others}
    attributes |= {name: value for name, value in record.items() if name not in known}
    return Asset(
        asset_id=asset_id,
        uri=uri,
        text=text,
        license=plain_text(record.get(columns.license)) if columns.license else "",
        source=plain_text(record.get(columns.source)) if columns.source else "",
        references=references,
        content_version=version,
        attributes=attributes_json(attributes),
    )


def attributes_json(values: Mapping[str, Any]) -> str:
    """Write the catalog's other columns as JSON text.

    Bytes are left out; NaN becomes null, and so does what lies deeper than 64 levels.
    """
    if not values:
        return "{}"
    kept = {name: _plain(value, 1) for name, value in values.items() if not _is_bytes(value)}
    return _writable(json.dumps(kept, ensure_ascii=False, default=str))


def plain_text(value: object) -> str:
    """A value as text that any table can hold; empty for null and NaN.

    Bytes are taken for UTF-8, as some writers leave Parquet's texts unmarked, else written in
    hexadecimal digits.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, (Mapping, list, tuple)):
        value = json.dumps(_plain(value, 1), ensure_ascii=False, default=str)
    return _writable(str(value))


def reference_texts(value: object) -> tuple[str, ...]:
    """A text, or several in a list, as references; null and empty ones are none."""
    values = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(text for text in map(plain_text, values) if text)


def id_text(value: object) -> str | None:
    """An id as text; None where there is none (null, empty or NaN)."""
    return plain_text(value) or None


def missing_id(row: str) -> RowError:
    """The problem of a row without id."""
    return RowError(
        FailureKind.MISSING_ID, f"{row} has no id. Give it one, or name another id column."
    )


def missing_uri(row: str) -> NoPictureError:
    """The problem of a row that names no picture."""
    return NoPictureError(FailureKind.INVALID_ROW, f"{row} names no picture. Fill in its uri.")


def _writable(text: str) -> str:
    """Escape lone surrogates, which JSON and file names may hold and UTF-8 may not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (Mapping, list, tuple)) and depth > _MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        items = value.items()
        return {str(name): _plain(item, depth + 1) for name, item in items if not _is_bytes(item)}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value if not _is_bytes(item)]
    return value


def _is_bytes(value: object) -> bool:
    return isinstance(value, (bytes, bytearray, memoryview))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
