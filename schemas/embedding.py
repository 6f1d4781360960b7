"""Where a picture, or a text, lies among others."""

from dataclasses import dataclass
from typing import Annotated

from schemas.vectors import Float16Vector, Float32Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedding:
    """The vector of one asset."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the asset in the catalog"]
    uri: Annotated[str, "where the picture was read; empty where the row names none"]
    text: Annotated[str, "the text the catalog holds for the asset"]
    license: Annotated[str, "licence of the asset, as the catalog has it"]
    source: Annotated[str, "where the catalog says that the asset is from"]
    modality: Annotated[str, "what the vector is of: image, text, or both"]
    vector: Annotated[Float32Vector, "unit vector (L2)"]
    text_cut: Annotated[bool, "whether the text was longer than the model reads, and was cut"]
    sha256: Annotated[str, "digest of the picture's encoded bytes; empty where none was read"]
    model: Annotated[str, "the model's folder name or hub id"]
    revision: Annotated[str, "the revision of the model that was loaded"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HalfEmbedding(Embedding):
    """The vector of one asset, in half the bytes."""

    vector: Annotated[Float16Vector, "unit vector (L2)"]  # type: ignore[assignment]
