"""The structure of a picture, as a picture."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """One feature of one picture."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the asset in the catalog"]
    feature: Annotated[str, "what was taken of the picture: edge, blurred-edge or segmentation"]
    uri: Annotated[str, "where the picture was read"]
    text: Annotated[str, "the text the catalog holds for the asset"]
    license: Annotated[str, "licence of the asset, as the catalog has it"]
    source: Annotated[str, "source of the asset, as the catalog has it"]
    image: Annotated[bytes, "the feature as a picture, a PNG file"]
    height: Annotated[int, "its height in pixels"]
    width: Annotated[int, "its width in pixels"]
    sha256: Annotated[str, "digest of the picture's encoded bytes, 64 hexadecimal digits"]
    settings: Annotated[str, "library, its version, function and settings, as JSON text"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]
