"""Which rows are about the same picture: they share its thumbnail, and answers its caption."""

import base64
from collections.abc import Mapping, Sequence

from reports.reading import SHA256, Row


def assign_pictures(rows: Sequence[Row], thumbnails: Mapping[str, bytes]) -> list[str]:
    """Give each row whose picture has a thumbnail its index, as ``picture``.

    Args:
        rows: rows and failures, of any runs.
        thumbnails: JPEG by row key.

    Returns:
        The thumbnails, in base64.

    """
    pictures: list[str] = []
    by_picture: dict[tuple[str, str], int] = {}
    for row in rows:
        if row["key"] in thumbnails and _identity(row) not in by_picture:
            by_picture[_identity(row)] = len(pictures)
            pictures.append(base64_of(thumbnails[row["key"]]))
    for row in rows:
        if _identity(row) in by_picture:
            row["picture"] = by_picture[_identity(row)]
    return pictures


def base64_of(jpeg: bytes) -> str:
    """A picture as it stands in a page."""
    return base64.b64encode(jpeg).decode()


def link_captions(captions: Sequence[Row], answers: Sequence[Row]) -> None:
    """Give each answer the index of its picture's caption, as ``caption``, where there is one."""
    by_picture = {_identity(row): index for index, row in enumerate(captions)}
    for row in answers:
        if _identity(row) in by_picture:
            row["caption"] = by_picture[_identity(row)]


def _identity(row: Row) -> tuple[str, str]:
    # Content too: an id may have had another picture when an older run read it. Failures do not
    # know theirs, and those without an id have nothing in common.
    return row["id"] or row["key"], row.get(SHA256, "")
