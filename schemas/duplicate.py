"""A picture of which the collection has another one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated


class Why(StrEnum):
    """In what a picture is like the one that is kept of its cluster; the vocabulary is closed."""

    KEPT = "kept"
    BYTES = "bytes"
    PIXELS = "pixels"
    NEAR = "near"


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """One picture of a cluster of two or more."""

    asset_id: Annotated[str, "id of the asset in the catalog"]
    uri: Annotated[str, "where the picture was read, resolved against its catalog"]
    kept_id: Annotated[str, "id of the picture that is kept of its cluster; names the cluster"]
    kept: Annotated[bool, "whether this is that picture"]
    why: Annotated[str, "in what it is like the kept one: kept (it is that), bytes, pixels or near"]
    difference: Annotated[float, "from the kept picture, in levels from 0 to 255"]
    similarity: Annotated[float, "inner product of both unit vectors"]
    cluster_size: Annotated[int, "pictures of the cluster, the kept one among them"]
