"""How a picture of any size becomes one of the size that a tokenizer reads. Imports no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from models.source import ModelSource
from models.wanted_pixels import wanted_pixels
from schemas.errors import RowError, UsageError
from schemas.failure import FailureKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Rule = Literal["checkpoint", "letterbox", "crop"]
"""``checkpoint``: what the checkpoint's own processor does. ``letterbox``: the whole picture,
scaled into the frame, with bars of grey. ``crop``: a given part of it, scaled to the frame."""

BAR_COLOR = (127, 127, 127)
"""What fills a frame beside a letterboxed picture: half of full intensity, as Janus's processor
pads."""

# Scaled by its shorter side, a thinner picture would take gigabytes. Emu3's processor has this too.
_MOST_ELONGATED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """A part of a picture, in its pixels; ``top`` and ``left`` are counted from 0."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """How pictures are framed.

    Attributes:
        rule: see :data:`Rule`.
        resolution: the frame's height and width in pixels; None for the checkpoint's own. For a
            checkpoint that keeps a picture's proportions (Emu3) and the rule ``checkpoint``, the
            side of a square of the area that pictures are scaled to.

    Raises:
        UsageError: the resolution is not positive.

    """

    rule: Rule = "checkpoint"
    resolution: int | None = None

    def __post_init__(self) -> None:
        if self.resolution is not None and self.resolution < 1:
            raise UsageError(f"The resolution must be at least 1 pixel, not {self.resolution}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """How one picture was framed.

    Attributes:
        rule: see :data:`Rule`.
        height: of the frame, in pixels; ``width`` too.
        crop: the part of the picture that was taken, where the rule is ``crop``.
        content: where in the frame the picture lies, where the rule is ``letterbox``.

    """

    rule: Rule
    height: int
    width: int
    crop: Rectangle | None = None
    content: Rectangle | None = None


def pixels_made_use_of(source: ModelSource, framing: Framing) -> int | None:
    """The shorter side, in pixels, above which more of a picture changes nothing worth having.

    Args:
        source: a resolved model; of a hub model the processor's JSON files are fetched.
        framing: how its pictures are framed.

    Returns:
        None where crops are taken, or where the model's files do not tell.

    """
    if framing.rule == "crop":
        return None
    return framing.resolution or wanted_pixels(source)


def check_picture(pixels: "NDArray[np.uint8]") -> None:
    """Refuse what is no picture, or too thin a one.

    Raises:
        RowError: it is not a uint8 array of shape (height, width, 3), or has no pixels, or one side
            is more than 200 times the other.

    """
    if str(pixels.dtype) != "uint8" or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise RowError(
            FailureKind.INVALID_ROW,
            f"A picture must be a uint8 array of shape (height, width, 3), not {pixels.dtype} of "
            f"shape {pixels.shape}.",
        )
    height, width = pixels.shape[:2]
    if max(height, width) > _MOST_ELONGATED * min(height, width):
        raise RowError(
            FailureKind.INVALID_ROW,
            f"The picture of {width} x {height} pixels is too thin: one side may be at most "
            f"{_MOST_ELONGATED} times the other. Cut it to a part of it.",
        )


def letterbox(
    pixels: "NDArray[np.uint8]", height: int, width: int, resample: int
) -> "tuple[Image.Image, Rectangle]":
    """Scale a picture into a frame with its proportions kept, in the middle, and fill the rest.

    Args:
        pixels: uint8 array of shape (height, width, 3).
        height: of the frame, in pixels; ``width`` too.
        resample: a filter of Pillow.

    Returns:
        The frame, and where in it the picture lies.

    """
    from PIL import Image

    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    inner_height = max(round(pixels.shape[0] * scale), 1)
    inner_width = max(round(pixels.shape[1] * scale), 1)
    place = Rectangle(
        top=(height - inner_height) // 2,
        left=(width - inner_width) // 2,
        height=inner_height,
        width=inner_width,
    )
    frame = Image.new("RGB", (width, height), BAR_COLOR)
    scaled = Image.fromarray(pixels).resize((inner_width, inner_height), Image.Resampling(resample))
    frame.paste(scaled, (place.left, place.top))
    return frame, place


def cut(
    pixels: "NDArray[np.uint8]", part: Rectangle | None, height: int, width: int, resample: int
) -> "Image.Image":
    """Scale a part of a picture to a frame.

    Raises:
        RowError: there is no part, or it does not lie in the picture.

    """
    from PIL import Image

    if part is None:
        raise RowError(
            FailureKind.INVALID_ROW, "The row names no part of its picture to cut out (crop)."
        )
    inside = (
        part.top >= 0
        and part.left >= 0
        and part.height > 0
        and part.width > 0
        and part.top + part.height <= pixels.shape[0]
        and part.left + part.width <= pixels.shape[1]
    )
    if not inside:
        raise RowError(
            FailureKind.INVALID_ROW,
            f"The crop from row {part.top} and column {part.left} of {part.width} x {part.height} "
            f"pixels does not lie in the picture of {pixels.shape[1]} x {pixels.shape[0]} pixels.",
        )
    rows = slice(part.top, part.top + part.height)
    columns = slice(part.left, part.left + part.width)
    cropped = Image.fromarray(pixels[rows, columns])
    return cropped.resize((width, height), Image.Resampling(resample))


def draw_crop(
    seed: int, number: int, height: int, width: int, *, smallest: float = 0.5
) -> Rectangle:
    """Draw a square part of a picture: its side uniformly, then its place uniformly.

    Args:
        seed: of the row, drawn from its key, 0 to 2**63 - 1.
        number: which crop of the row, from 0. The same arguments always draw the same.
        height: of the picture, in pixels; ``width`` too.
        smallest: the side is this share of the picture's shorter side at least.

    Raises:
        UsageError: ``smallest`` is not above 0 and at most 1.

    """
    import numpy as np

    if not 0.0 < smallest <= 1.0:
        raise UsageError(
            f"The smallest share of a random crop must be above 0 and at most 1, not {smallest}."
        )
    shorter = min(height, width)
    least = max(round(shorter * smallest), 1)
    sides, rows, columns = np.random.default_rng([seed, number]).random(3)
    side = least + int(sides * (shorter - least + 1))
    return Rectangle(
        top=int(rows * (height - side + 1)),
        left=int(columns * (width - side + 1)),
        height=side,
        width=side,
    )
