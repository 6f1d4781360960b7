"""Names of picture files: an id, made so that a file system and a tar can hold it.

Characters that some file system refuses, or reads as something else, are percent-encoded in UTF-8
(RFC 3986, section 2.1): what decodes URLs gives the id back.
"""

import hashlib
import re

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
