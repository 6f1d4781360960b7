"""What making a picture of codes gives."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstructed:
    """A picture made of codes.

    Attributes:
        image: a PNG file.
        height: of the picture in pixels; ``width`` too.
        psnr: to the framed source picture, in decibels; None where it is not at hand.
        ssim: to the same; None also where a side has less than 11 pixels.

    """

    image: bytes
    height: int
    width: int
    psnr: float | None
    ssim: float | None
