"""Names of picture files: an id, made so that a file system and a tar can hold it.

Characters that some file system refuses, or reads as something else, are percent-encoded in UTF-8
(RFC 3986, section 2.1): what decodes URLs gives the id back.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from storage.encode_image import MEDIA_TYPES

EXTENSIONS = {media_type: extension for extension, media_type in MEDIA_TYPES.items()}
"""What names of files of these media types end with."""

NAMED_BY = {
    "generations": ("asset_id", "sample_number", "media_type"),
    "reconstructions": ("asset_id", "crop_number", "framing", "resolution"),
    "structures": ("asset_id", "feature"),
}
"""Tables whose rows hold a picture, and the columns that tell where its file lies."""

# What Windows and object stores refuse or read otherwise, the escape itself, and the sign before
# the digest of a name that was cut. A dot in front hides a file, and an underscore a run's own.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"%*/:<>?\\|~]|^[._]')
# Of a WebDataset's sample the name ends at its first dot.
_UNSAFE_IN_TAR = re.compile(rf"{_UNSAFE.pattern}|\.")
# A file system takes 255 bytes, and a number and an extension follow.
_MOST_BYTES = 200


def image_name(asset_id: str, extension: str, number: int | None = None) -> str:
    """Name a picture's file; different ids have different names, but for case.

    Args:
        asset_id: of what it is of. Of one that is too long, the beginning and a digest are taken.
        extension: without the dot.
        number: which of its pictures this is; None where there is one.

    """
    return f"{_numbered(_escape(asset_id, _UNSAFE), number)}.{extension}"


def image_path(table: str, row: Mapping[str, Any]) -> str:
    """Where a row's picture lies in a folder of files.

    No two of one asset have one name: samples and crops have their numbers, features have a folder
    each, and so has each way of framing but the checkpoint's own.

    Args:
        row: its columns that the table's pictures are named by: see :data:`NAMED_BY`.

    """
    asset_id = row["asset_id"]
    if table == "generations":
        return image_name(asset_id, EXTENSIONS[row["media_type"]], row["sample_number"])
    if table == "structures":
        return f"{row['feature']}/{image_name(asset_id, 'png')}"
    framing, resolution = row["framing"], row["resolution"]
    name = image_name(asset_id, "png", row["crop_number"] if framing == "crop" else None)
    if framing == "checkpoint" and not resolution:
        return name
    return f"{framing}-{resolution}/{name}" if resolution else f"{framing}/{name}"


def sample_key(asset_id: str, number: int | None = None) -> str:
    """Name a sample of a WebDataset: as :func:`image_name`, and without a dot."""
    return _numbered(_escape(asset_id, _UNSAFE_IN_TAR), number)


def _numbered(name: str, number: int | None) -> str:
    return name if number is None else f"{name}-{number}"


def _escape(asset_id: str, unsafe: re.Pattern[str]) -> str:
    name = unsafe.sub(_percent_encoded, asset_id)
    whole = name.encode()
    if len(whole) <= _MOST_BYTES:
        return name
    digest = hashlib.sha256(asset_id.encode()).hexdigest()[:16]
    return f"{whole[: _MOST_BYTES - 17].decode(errors='ignore')}~{digest}"


def _percent_encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())
