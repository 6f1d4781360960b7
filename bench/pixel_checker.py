"""What a picture of one coloured shape shows, told from its pixels alone.

It knows nothing of the models: the ground is the border's commonest colour, the shape what differs
from it, its colour the nearest of the eight by name, and its form the nearest of three drawn into
its bounding box. ``tests/training/test_pixel_checker.py`` holds it to easy-VQA's own answers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PALETTE = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "black": (0, 0, 0),
    "gray": (128, 128, 128),
    "teal": (0, 128, 128),
    "brown": (165, 42, 42),
    "yellow": (255, 255, 0),
}

# Sum of the differences of the three channels: grounds are light, and a shape is far from them.
_FAR = 120
_FEWEST_PIXELS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is seen in a picture; both empty where there is no shape.

    Attributes:
        color: one of :data:`PALETTE`.
        shape: ``circle``, ``triangle`` or ``rectangle``.

    """

    color: str
    shape: str


def look_at(pixels: NDArray[np.uint8]) -> Seen:
    """Tell the colour and the shape.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.

    """
    values = pixels.astype(np.float64)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    ground = np.median(border, axis=0)
    far = np.abs(values - ground).sum(axis=2)
    if (far > _FAR).sum() < _FEWEST_PIXELS:
        return Seen(color="", shape="")
    # The nearer half of what differs is mixed with the ground at the shape's edge.
    core = values[far >= np.quantile(far[far > _FAR], 0.5)]
    ink = np.median(core, axis=0)
    color = min(PALETTE, key=lambda name: float(np.abs(ink - PALETTE[name]).sum()))
    away = ink - ground
    coverage = ((values - ground) @ away / (away @ away)).clip(0, 1)
    return Seen(color=color, shape=_shape(coverage))


def _shape(coverage: NDArray[np.float64]) -> str:
    covered = coverage > 0.5
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    inside = coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = inside.shape
    # Centres of pixels, from -1 to 1 in the bounding box.
    down = ((np.arange(height) + 0.5) / height * 2 - 1)[:, None]
    across = ((np.arange(width) + 0.5) / width * 2 - 1)[None, :]
    forms = {
        "circle": down**2 + across**2 <= 1,
        "triangle": np.abs(across) <= (down + 1) / 2,
        "rectangle": np.ones((height, width), bool),
    }
    return min(forms, key=lambda name: float(np.abs(inside - forms[name]).mean()))
