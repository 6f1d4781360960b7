"""A picture made of codes."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reconstruction:
    """The picture that a tokenizer's decoder makes of a row of codes."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the asset whose codes these were"]
    crop_number: Annotated[int, "which crop of the picture, from 0; 0 where none was drawn"]
    uri: Annotated[str, "where the source picture was read"]
    text: Annotated[str, "the text the catalog holds for the asset"]
    license: Annotated[str, "licence of the asset, as the catalog has it"]
    source: Annotated[str, "source of the asset, as the catalog has it"]
    image: Annotated[bytes, "the picture that was made, a PNG file"]
    height: Annotated[int, "its height in pixels"]
    width: Annotated[int, "its width in pixels"]
    psnr: Annotated[
        float | None,
        "peak signal-to-noise ratio to the framed source picture, in decibels, infinite where they "
        "are equal; null where the source is not at hand",
    ]
    ssim: Annotated[
        float | None,
        "mean structural similarity to the framed source picture; null where it is not at hand or "
        "has a side below 11 pixels",
    ]
    framing: Annotated[str, "how the source picture was framed: checkpoint, letterbox or crop"]
    resolution: Annotated[int, "side of the frame that was asked for; 0 for the checkpoint's own"]
    sha256: Annotated[str, "digest of the source picture's encoded bytes, 64 hexadecimal digits"]
    tokens_key: Annotated[str, "key of the row of codes"]
    tokenizer_hash: Annotated[str, "of what made the codes"]
    model: Annotated[str, "the folder name or hub id of the model whose decoder was used"]
    revision: Annotated[str, "the revision of the model that was loaded"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]
