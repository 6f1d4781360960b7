"""One version of an index: which shards belong together, and what they hold.

Adding vectors, removing some and merging shards each give a new version. Files that a version
names are never changed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from storage.index.card import IndexCard, card_from_json
from storage.index.descriptions import FORMAT_VERSION, read_description, write_description
from storage.index.errors import IndexDamagedError

VERSION_FILE = "index.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexVersion:
    """A version of an index. Names are of files and folders beside its description.

    Attributes:
        model: what embedded the vectors: a hub id, or a folder.
        revision: of the model.
        modality: what was embedded: image, text or both.
        dimension: of the vectors.
        trained: file of the trained index.
        shards: folders of the shards, in the order of their rows.
        removed: file of removed rows; None where there are none.
        card: what was measured; None until then.

    """

    model: str
    revision: str
    modality: str
    dimension: int
    trained: str
    shards: tuple[str, ...]
    removed: str | None = None
    card: IndexCard | None = None
    format_version: int = FORMAT_VERSION


def write_version(folder: Path, version: IndexVersion) -> None:
    """Write a version's description into a folder."""
    write_description(folder / VERSION_FILE, asdict(version))


def read_version(folder: Path) -> IndexVersion:
    """Read the description of a version.

    Raises:
        IndexDamagedError: it is missing, or not a description of an index.
        IndexMismatchError: it is of another format.

    """
    fields = read_description(folder / VERSION_FILE)
    try:
        return version_from_json(fields)
    except (KeyError, TypeError) as error:
        raise IndexDamagedError(
            f"{folder / VERSION_FILE} does not describe an index. Fetch or build it again."
        ) from error


def version_from_json(fields: Mapping[str, Any]) -> IndexVersion:
    """Turn a version's JSON object back into the record.

    Raises:
        KeyError: a field is missing.
        TypeError: there are others, or one is of another type.
        IndexDamagedError: the card is none.

    """
    card = fields["card"]
    return IndexVersion(
        **{
            **fields,
            "card": None if card is None else card_from_json(card),
            "shards": tuple(fields["shards"]),
        }
    )
