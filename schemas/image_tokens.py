"""A picture as the codes of a VQ tokenizer."""

from dataclasses import dataclass
from typing import Annotated

from schemas.vectors import Int32Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageTokens:
    """The codes of one picture, or of one crop of it."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the asset in the catalog"]
    crop_number: Annotated[int, "which crop of the picture, from 0; 0 where none is drawn"]
    uri: Annotated[str, "where the picture was read, resolved against its catalog"]
    text: Annotated[str, "the text the catalog holds for the asset"]
    license: Annotated[str, "licence of the asset, as the catalog has it"]
    source: Annotated[str, "source of the asset, as the catalog has it"]
    codes: Annotated[Int32Vector, "indices in the codebook, row by row"]
    height: Annotated[int, "rows of the grid of codes"]
    width: Annotated[int, "columns of the grid of codes"]
    frame_height: Annotated[int, "height of the framed picture in pixels"]
    frame_width: Annotated[int, "width of the framed picture in pixels"]
    framing: Annotated[str, "how the picture was framed: checkpoint, letterbox or crop"]
    resolution: Annotated[int, "side of the frame that was asked for; 0 for the checkpoint's own"]
    part: Annotated[
        Int32Vector,
        "top, left, height and width: of what was cut out, in the picture's pixels (crop), or of "
        "the picture in its frame (letterbox); else empty",
    ]
    sha256: Annotated[str, "digest of the picture's encoded bytes, 64 hexadecimal digits"]
    tokenizer_hash: Annotated[str, "of what makes codes of a frame's pixels"]
    model: Annotated[str, "the model's folder name or hub id"]
    revision: Annotated[str, "the revision of the model that was loaded"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]
