"""A picture's signature: what is compared to tell whether two pictures show the same."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

SIDE = 16
SIGNATURE_BYTES = SIDE * SIDE * 3

Signatures = NDArray[np.uint8]


def signature_of(pixels: NDArray[np.uint8]) -> Signatures:
    """Scale a picture to 16 x 16 pixels, whatever its shape, with a triangle filter.

    The filter is as wide as two pixels of the result, so that a shift by a part of one changes it
    little by little: what :func:`storage.duplicates.difference.differences` undoes.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.

    Returns:
        uint8 array of shape (16, 16, 3).

    """
    small = Pillow.fromarray(pixels).resize((SIDE, SIDE), Pillow.Resampling.BILINEAR)
    return np.asarray(small)


def pixels_digest(pixels: NDArray[np.uint8], *, width: int, height: int) -> str:
    """Digest of a picture's decoded pixels: 64 hexadecimal digits.

    Args:
        pixels: uint8 array of shape (rows, columns, 3), as it was decoded.
        width: of the stored picture in pixels; ``height``: likewise. Two pictures that were
            decoded at reduced scale are alike only if they were of one size before.

    """
    digest = hashlib.sha256(f"{width}x{height}:{pixels.shape}:".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
