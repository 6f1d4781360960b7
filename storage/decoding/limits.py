"""What a picture may cost."""

from dataclasses import dataclass

from schemas.errors import RowError
from schemas.failure import FailureKind


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

    def check_bytes(self, size: int) -> None:
        """Refuse an encoded picture of more than ``max_bytes``.

        Raises:
            RowError: too_large.

        """
        if size > self.max_bytes:
            raise RowError(
                FailureKind.TOO_LARGE,
                f"The picture has {size:,} bytes, more than the limit of {self.max_bytes:,}. If it "
                "is meant to, raise --max-picture-bytes, then run with --only-failed.",
            )

    def check_pixels(self, width: int, height: int) -> None:
        """Refuse a picture of more than ``max_pixels``.

        Raises:
            RowError: decompression_bomb.

        """
        if width * height > self.max_pixels:
            raise RowError(
                FailureKind.DECOMPRESSION_BOMB,
                f"The picture has {width} x {height} pixels, more than the limit of "
                f"{self.max_pixels:,}. If it is meant to, raise --max-picture-pixels, then run "
                "with --only-failed.",
            )
