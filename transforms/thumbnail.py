"""Small pictures for the report page."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LONGER_SIDE = 128
_QUALITY = 75


def make_thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a picture as a JPEG of at most 128 pixels on its longer side.

    Args:
        pixels: uint8 array of shape (rows, columns, 3), RGB.

    """
    picture = Image.fromarray(pixels)
    picture.thumbnail((_LONGER_SIDE, _LONGER_SIDE))
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=_QUALITY)
    return sink.getvalue()
