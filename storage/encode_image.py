"""Generated pictures as files: PNG or WebP that say how they were made."""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from storage.provenance import Provenance, xmp_packet

ImageFormat = Literal["png", "webp"]

# Of a picture that was drawn from codes, whose exact pixels are at hand by the codes anyway.
_WEBP_QUALITY = 90


def encode_image(
    pixels: NDArray[np.uint8], *, image_format: ImageFormat, provenance: Provenance
) -> bytes:
    """Encode a picture: the same bytes for the same input and versions of Pillow's libraries.

    PNG holds the pixels exactly, its provenance in text chunks and in an XMP packet; WebP is lossy
    (quality 90) and has the XMP packet.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.

    """
    image = Image.fromarray(pixels)
    packet = xmp_packet(provenance)
    sink = io.BytesIO()
    if image_format == "webp":
        image.save(sink, "WEBP", quality=_WEBP_QUALITY, xmp=packet)
        return sink.getvalue()
    chunks = PngInfo()
    for name, text in provenance.texts().items():
        chunks.add_itxt(name, text)
    chunks.add_itxt("XML:com.adobe.xmp", packet.decode())
    image.save(sink, "PNG", pnginfo=chunks)
    return sink.getvalue()
