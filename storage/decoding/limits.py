"""What a picture may cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeLimits:
    """Limits on one picture.

    Attributes:
        max_bytes: size of the encoded picture in bytes.
        max_pixels: width times height, read from the header before any pixel is decoded. The
            default is Pillow's own bound for decompression bombs times two.
        max_seconds: time in seconds a helper process may take over it, its own start not counted.
        max_memory: address space in bytes that a helper process may take beyond what it starts
            with.

    """

    max_bytes: int = 64 << 20
    max_pixels: int = 178_956_970
    max_seconds: float = 20.0
    max_memory: int = 2 << 30
