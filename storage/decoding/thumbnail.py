"""Small pictures for pages."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

THUMBNAIL_PIXELS = 128
_QUALITY = 75


def make_thumbnail(pixels: NDArray[np.uint8], longer_side: int = THUMBNAIL_PIXELS) -> bytes:
    """Encode a picture as a small JPEG.

    Args:
        pixels: uint8 array of shape (rows, columns, 3), RGB.
        longer_side: its length at most, in pixels; a smaller picture stays as it is.

    """
    picture = Image.fromarray(pixels)
    picture.thumbnail((longer_side, longer_side))
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=_QUALITY)
    return sink.getvalue()
