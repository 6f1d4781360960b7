"""Pictures as PNG files."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a picture without loss.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB, or (height, width), grey.

    """
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG")
    return sink.getvalue()
