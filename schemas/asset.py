"""One row of a catalog, and the picture behind it."""

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One picture of a catalog: where it is and what the catalog says of it.

    ``attributes`` holds the catalog's other columns as JSON text, so that no table's schema
    depends on a catalog. ``content_version`` is the catalog's etag, version, updated or sha256
    column, or size and modification time of a listed file; empty where nothing tells.
    """

    asset_id: str
    uri: str
    text: str = ""
    license: str = ""
    source: str = ""
    references: tuple[str, ...] = ()
    content_version: str = ""
    attributes: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question about an asset, with the answers that count as right, if known."""

    question_id: str
    asset_id: str
    question: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """A decoded picture. Never written and never shuffled: it lives inside one worker.

    Attributes:
        sha256: digest of the encoded bytes, 64 hexadecimal digits.
        format: container format in lower case: ``jpeg``, ``png``, ``webp``...
        width: stored width in pixels after the EXIF orientation, before any reduction.
        height: stored height in pixels, likewise.
        encoded_bytes: size of the encoded picture.
        pixels: uint8 array of shape (rows, columns, 3), RGB; may be smaller than
            ``height`` x ``width`` where the consumer asked for less.

    """

    sha256: str
    format: str
    width: int
    height: int
    pixels: "NDArray[np.uint8]"
    encoded_bytes: int = 0


def normal_license(name: str) -> str:
    """A licence's name as it is compared: its case and its blanks do not count."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
