"""Pictures as files, PNG or WebP, that may say how they were made."""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from storage.provenance import Provenance, xmp_packet

ImageFormat = Literal["png", "webp"]

MEDIA_TYPES: dict[ImageFormat, str] = {"png": "image/png", "webp": "image/webp"}
"""What the formats are called elsewhere."""


def encode_image(
    pixels: NDArray[np.uint8],
    *,
    image_format: ImageFormat = "png",
    provenance: Provenance | None = None,
) -> bytes:
    """Encode a picture without loss.

    The same input gives the same bytes, with the same versions of Pillow's libraries. WebP has its
    provenance in an XMP packet, PNG in one and in text chunks besides.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB, or (height, width), grey.
        provenance: how it was made; None to say nothing of it.

    """
    image = Image.fromarray(pixels)
    packet = xmp_packet(provenance) if provenance is not None else b""
    sink = io.BytesIO()
    if image_format == "webp":
        image.save(sink, "WEBP", lossless=True, xmp=packet)
        return sink.getvalue()
    chunks = PngInfo()
    if provenance is not None:
        for name, text in provenance.texts().items():
            chunks.add_itxt(name, text)
        chunks.add_itxt("XML:com.adobe.xmp", packet.decode())
    image.save(sink, "PNG", pnginfo=chunks)
    return sink.getvalue()
