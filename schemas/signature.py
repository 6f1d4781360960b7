"""What is compared to tell whether two pictures show the same."""

from dataclasses import dataclass
from typing import Annotated

from schemas.vectors import Float16Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signature:
    """The digests, the signature and the vector of one picture."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the asset in the catalog"]
    uri: Annotated[str, "where the picture was read, resolved against its catalog"]
    width: Annotated[int, "stored width in pixels, upright"]
    height: Annotated[int, "stored height in pixels, upright"]
    encoded_bytes: Annotated[int, "size of the encoded picture in bytes"]
    sha256: Annotated[str, "digest of the picture's encoded bytes, 64 hexadecimal digits"]
    pixels_sha256: Annotated[str, "digest of its size and its pixels as they were decoded"]
    signature: Annotated[bytes, "16 x 16 pixels of 3 bytes (RGB), row by row"]
    vector: Annotated[Float16Vector, "unit vector (L2) of the picture"]
    model: Annotated[str, "the model's folder name or hub id"]
    revision: Annotated[str, "the revision of the model that was loaded"]
