"""JSON files that describe parts of an index, and the version of their format."""

import json
from pathlib import Path
from typing import Any

from storage.index.errors import IndexDamagedError, IndexMismatchError

FORMAT_VERSION = 1


def read_description(path: Path) -> dict[str, Any]:
    """Read a description of our format.

    Raises:
        IndexDamagedError: it is missing, or is no JSON object.
        IndexMismatchError: it is of another format.

    """
    try:
        fields = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise IndexDamagedError(f"{path} is missing. Fetch or build the index again.") from error
    except ValueError as error:
        raise IndexDamagedError(f"{path} is not JSON, or is cut short. Fetch it again.") from error
    if not isinstance(fields, dict):
        raise IndexDamagedError(f"{path} does not describe an index.")
    version = fields.get("format_version")
    if version != FORMAT_VERSION:
        raise IndexMismatchError(
            f"{path} is of format {version}, and this Calumma reads format {FORMAT_VERSION}. Build "
            "the index again, or use the Calumma that wrote it."
        )
    return fields


def write_description(path: Path, fields: dict[str, Any]) -> None:
    """Write a description; ``fields`` hold its format version."""
    path.write_text(json.dumps(fields, indent=1))
