"""What taking the structure of a picture gives."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Structured:
    """A feature of a picture.

    Attributes:
        image: a PNG file.
        height: of it in pixels; ``width`` too.
        settings: what it follows from, beside the picture, as JSON text.

    """

    image: bytes
    height: int
    width: int
    settings: str
