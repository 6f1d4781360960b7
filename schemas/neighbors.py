"""What lies near an asset."""

from dataclasses import dataclass
from typing import Annotated

from schemas.vectors import Float32Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbors:
    """The neighbours of one query: a row for each, so that a query without any has one too."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the query in its catalog"]
    uri: Annotated[str, "where the query's picture was read; empty where it has none"]
    text: Annotated[str, "the query's text, whole"]
    query_modality: Annotated[str, "what was searched with: image, text, or both"]
    neighbor_ids: Annotated[tuple[str, ...], "ids of the neighbours in the index, the best first"]
    scores: Annotated[Float32Vector, "inner products of the query's unit vector and theirs"]
    text_cut: Annotated[bool, "whether the text was longer than the model reads, and was cut"]
    sha256: Annotated[str, "digest of the picture's encoded bytes; empty where none was read"]
    index: Annotated[str, "the index"]
    index_version: Annotated[int, "its version"]
    model: Annotated[str, "the model's folder name or hub id"]
    revision: Annotated[str, "the revision of the model that was loaded"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]
