"""One version of an index: which shards belong together, and what they hold.

Adding vectors, removing some and merging shards each give a new version. Files that a version
names are never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.index.card import IndexCard, card_from_json
from storage.index.descriptions import FORMAT_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexVersion:
    """A version of an index. Names are of files and folders of the index.

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
