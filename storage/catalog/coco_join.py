"""Bringing pictures and annotations of COCO files together, on this machine's disk.

Pictures and annotations lie in lists of their own, in any order, and captions and boxes in files of
their own. All of them go into an SQLite database, so memory does not grow with the files.
"""

import contextlib
import itertools
import json
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.asset import Asset
from schemas.errors import CatalogError, RowError
from schemas.failure import FailureKind
from storage.catalog.coco_boxes import box_object
from storage.catalog.coco_file import CocoFile, open_coco
from storage.catalog.columns import (
    attributes_json,
    id_text,
    missing_id,
    missing_uri,
    plain_text,
    reference_texts,
)
from storage.catalog.split import CatalogFile, CatalogRow
from storage.fetching.policy import resolve_uri

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE images (row INTEGER PRIMARY KEY, file INTEGER, id TEXT, name TEXT, body TEXT);
CREATE TABLE annotations (file INTEGER, image TEXT, body TEXT);
CREATE TABLE places (file INTEGER, image TEXT, row INTEGER, PRIMARY KEY (file, image))
WITHOUT ROWID;
"""
_INDEXES = """
CREATE INDEX image_by_name ON images (id, name, file);
CREATE INDEX image_of_file ON images (file);
"""
# Of a picture that an earlier file lists too, what is said belongs to that one's row.
_EARLIER = """
SELECT min(earlier.row) FROM images AS earlier
WHERE earlier.id = here.id AND earlier.name = here.name AND earlier.file < here.file
"""
_PLACES = f"""
INSERT OR IGNORE INTO places
SELECT here.file, here.id, coalesce(({_EARLIER}), here.row) FROM images AS here ORDER BY here.row
"""  # noqa: S608
_REPEATED = f"DELETE FROM images AS here WHERE ({_EARLIER}) IS NOT NULL"  # noqa: S608
_IMAGES = "SELECT row, file, body FROM images ORDER BY row"
_ANNOTATIONS = """
SELECT places.row, annotations.file, annotations.body FROM annotations
JOIN places ON places.file = annotations.file AND places.image = annotations.image
ORDER BY places.row, annotations.rowid
"""
_STRANGE = """
SELECT annotations.file, annotations.image, count(*) FROM annotations
LEFT JOIN places ON places.file = annotations.file AND places.image = annotations.image
WHERE places.row IS NULL GROUP BY annotations.file, annotations.image
ORDER BY min(annotations.rowid)
"""
_INSERTED_AT_ONCE = 10_000
# What else a picture's entry says comes out in its attributes.
_KNOWN = ("id", "file_name", "license")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """A file's names by their ids."""

    file: str
    categories: dict[str, str]
    licenses: dict[str, str]


def join_coco(files: Sequence[CatalogFile], folder: str) -> Iterator[CatalogRow]:
    """Give the pictures of COCO files, in their order, with what the annotations say of them.

    A picture that several files list (of one id and file name) is one row, with the captions and
    boxes of all of them. What cannot be placed is a row with a problem, behind the others: a file
    that cannot be read, and annotations of a picture that their file does not list.

    Args:
        files: the files.
        folder: where file names start from; empty for each file's own folder.

    """
    with (
        tempfile.TemporaryDirectory() as name,
        contextlib.closing(sqlite3.connect(Path(name) / "coco.sqlite")) as database,
    ):
        database.executescript(_TABLES)
        names: list[_Names] = []
        problems: list[tuple[str, str]] = []
        for number, file in enumerate(files):
            try:
                names.append(_insert(database, number, file.uri))
            except (CatalogError, OSError) as error:
                for table in ("images", "annotations"):
                    database.execute(f"DELETE FROM {table} WHERE file = ?", (number,))  # noqa: S608
                names.append(_Names(file=file.uri, categories={}, licenses={}))
                what = str(error) or f"{file.uri} cannot be read: {type(error).__name__}"
                problems.append((_name(file.uri), what))
        database.executescript(_INDEXES)
        database.execute(_PLACES)
        database.execute(_REPEATED)
        # One for each picture that is not listed: there may be as many as annotations.
        strange = (
            (
                f"{_name(names[number].file)}#{image or ''}",
                _strange(names[number].file, image, count),
            )
            for number, image, count in database.execute(_STRANGE)
        )
        position = itertools.count()
        for asset, problem in _pictures(database, names, folder):
            yield CatalogRow(position=next(position), asset=asset, problem=problem)
        for asset_id, text in itertools.chain(problems, strange):
            # An id that stays, so that the next run knows that it was told.
            yield CatalogRow(
                position=next(position),
                asset=Asset(asset_id=asset_id, uri=""),
                problem=RowError(FailureKind.INVALID_ROW, text),
            )


def _insert(database: sqlite3.Connection, number: int, uri: str) -> _Names:
    with open_coco(uri) as file:
        names = _Names(
            file=uri, categories=file.names("categories"), licenses=file.names("licenses")
        )
        _insert_all(
            database,
            "INSERT INTO images (file, id, name, body) VALUES (?, ?, ?, ?)",
            (
                (number, id_text(one.get("id")), plain_text(one.get("file_name")), json.dumps(one))
                for one in _objects(file, "images")
            ),
        )
        _insert_all(
            database,
            "INSERT INTO annotations VALUES (?, ?, ?)",
            (
                (number, id_text(one.get("image_id")), json.dumps(_said(one)))
                for one in _objects(file, "annotations")
            ),
        )
    return names


def _objects(file: CocoFile, name: str) -> Iterator[dict[str, Any]]:
    """The entries of a list; one that is no object says nothing."""
    return (one if isinstance(one, dict) else {} for one in file.items(name))


def _said(annotation: dict[str, Any]) -> dict[str, Any]:
    """What is made use of of an annotation: not the outlines, which are most of a file."""
    names = ("id", "caption", "category_id", "bbox", "iscrowd")
    return {name: annotation[name] for name in names if name in annotation}


def _insert_all(
    database: sqlite3.Connection, statement: str, rows: Iterator[tuple[Any, ...]]
) -> None:
    while some := list(itertools.islice(rows, _INSERTED_AT_ONCE)):
        database.executemany(statement, some)


def _pictures(
    database: sqlite3.Connection, names: Sequence[_Names], folder: str
) -> Iterator[tuple[Asset, RowError | None]]:
    said = itertools.groupby(database.execute(_ANNOTATIONS), key=lambda one: one[0])
    of, annotations = next(said, (None, iter(())))
    for row, number, body in database.execute(_IMAGES):
        image = json.loads(body)
        here: list[tuple[int, dict[str, Any]]] = []
        if of == row:
            here = _once(((file, text) for _, file, text in annotations), names)
            of, annotations = next(said, (None, iter(())))
        yield _picture(image, here, names, number, folder)


def _once(
    annotations: Iterator[tuple[int, str]], names: Sequence[_Names]
) -> list[tuple[int, dict[str, Any]]]:
    """Leave out what a later file says again: key points come with the boxes of persons.

    Files of several makers count annotations and categories from 1 each, so what is the same is so
    by all that it says, with its category's name.
    """
    seen: dict[tuple[str, str | None], int] = {}
    found = []
    for number, text in annotations:
        one = json.loads(text)
        category = plain_text(one.get("category_id"))
        key = (text, names[number].categories.get(category))
        if one.get("id") is None or seen.setdefault(key, number) == number:
            found.append((number, one))
    return found


def _picture(
    image: dict[str, Any],
    annotations: Sequence[tuple[int, dict[str, Any]]],
    names: Sequence[_Names],
    number: int,
    folder: str,
) -> tuple[Asset, RowError | None]:
    file = names[number].file
    captions: list[str] = []
    objects, left_out = [], []
    for of, one in annotations:
        captions += reference_texts(one.get("caption"))
        if "bbox" in one:
            size = image.get("width"), image.get("height")
            found = box_object(one, names[of].categories, size)
            if isinstance(found, str):
                left_out.append({"annotation": one.get("id"), "reason": found})
            else:
                objects.append(found)
    attributes: dict[str, Any] = {
        name: value for name, value in image.items() if name not in _KNOWN
    }
    if any(one.categories for one in names):
        attributes["objects"] = objects
    if left_out:
        attributes["objects_left_out"] = left_out
    source = plain_text(image.get("coco_url")) or plain_text(image.get("flickr_url"))
    asset_id, uri = id_text(image.get("id")), _uri_of(image, file, folder) or source
    problem: RowError | None = None
    if asset_id is None:
        problem = missing_id(f"An image of {file} ({uri or 'without file name'})")
    elif not uri:
        problem = missing_uri(f"Image {asset_id} of {file}")
    asset = Asset(
        asset_id=asset_id or "",
        uri=uri,
        text=captions[0] if captions else "",
        license=_license(image.get("license"), names[number].licenses),
        source=source,
        references=tuple(captions),
        attributes=attributes_json(attributes),
    )
    return asset, problem


def _name(uri: str) -> str:
    return uri.rpartition("/")[2]


def _uri_of(image: dict[str, Any], file: str, folder: str) -> str:
    name = plain_text(image.get("file_name"))
    return resolve_uri(name, folder or file.rpartition("/")[0]) if name else ""


def _license(number: object, licenses: dict[str, str]) -> str:
    """The name of a licence; its number where the file has no name for it."""
    text = plain_text(number)
    return licenses.get(text, text)


def _strange(file: str, image: str | None, count: int) -> str:
    what = f"{count:,} annotations of {file} are" if count > 1 else f"An annotation of {file} is"
    if image is None:
        return f"{what} of no image: image_id is missing."
    return f"{what} of image {image}, which the file does not list among its images."
