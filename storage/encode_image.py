"""Encoding pictures that were made, without loss."""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ImageFormat = Literal["png", "webp"]

MEDIA_TYPES: dict[ImageFormat, str] = {"png": "image/png", "webp": "image/webp"}
"""What the formats are called elsewhere."""


def encode_image(pixels: NDArray[np.uint8], *, image_format: ImageFormat) -> bytes:
    """Encode a picture without loss.

    Args:
        pixels: uint8 array of shape (rows, columns, 3), RGB.
        image_format: WebP's files are smaller, and take longer.

    """
    sink = io.BytesIO()
    options = {"lossless": True} if image_format == "webp" else {}
    Image.fromarray(pixels).save(sink, image_format, **options)
    return sink.getvalue()


def decode_own_image(data: bytes) -> NDArray[np.uint8]:
    """The pixels of a picture that was encoded here: not for pictures from elsewhere."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))
