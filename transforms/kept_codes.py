"""Which codes of a row's own picture stay where a part of it is to be drawn anew."""

from typing import TYPE_CHECKING

from models.framing import Framing, Rectangle
from models.image_tokens import ImageTokenizer, TokenizeRequest
from models.infilling import keep_outside
from schemas.errors import RowError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def kept_codes(
    tokenizer: ImageTokenizer, pixels: "NDArray[np.uint8]", mask: tuple[int, int, int, int]
) -> "NDArray[np.int32]":
    """Encode a picture, framed as the checkpoint does, and leave out the codes of a part.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.
        mask: left, top, right and bottom of the part, in pixels of the framed picture.

    Returns:
        See :attr:`models.generating.ImageRequest.kept`.

    Raises:
        RowError: the picture cannot be framed, or the part is not inside it.

    """
    prepared = tokenizer.prepare([TokenizeRequest(pixels=pixels)], Framing())
    (found,) = tokenizer.encode(prepared)
    if isinstance(found, RowError):
        raise found
    left, top, right, bottom = mask
    region = Rectangle(top=top, left=left, height=bottom - top, width=right - left)
    return keep_outside(found.codes, region, tokenizer.pixels_per_code)
