"""Pictures taken apart into a shape's coverage, its colour and the background.

Each picture of easy-VQA is one flat colour on another, mixed at the shape's smooth edge. So the
coverage of each pixel can be measured, and the shape be painted again elsewhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.captions import COLORS, KINDS
from training.pictures import Pictures

_SIDE = 64
# Areas in pixels between small, medium and large: about a third of the pictures each.
_SIZE_BOUNDS = (180, 450)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mattes:
    """Pictures taken apart.

    Attributes:
        alphas: float32 ``[pictures, 64, 64]``, from 0 (background) to 1 (the shape).
        backgrounds: float32 ``[pictures, 3]``, RGB from 0 to 255.
        colors: int64 ``[pictures]``, indices in ``COLORS``.
        shapes: int64 ``[pictures]``, indices in ``SHAPES``.
        palette: float32 ``[colors, 3]``, the RGB of each colour.

    """

    alphas: NDArray[np.float32]
    backgrounds: NDArray[np.float32]
    colors: NDArray[np.int64]
    shapes: NDArray[np.int64]
    palette: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.alphas)

    def take(self, rows: NDArray[np.int64]) -> "Mattes":
        """Some of the pictures."""
        return Mattes(
            alphas=self.alphas[rows],
            backgrounds=self.backgrounds[rows],
            colors=self.colors[rows],
            shapes=self.shapes[rows],
            palette=self.palette,
        )

    def kinds(self) -> NDArray[np.int64]:
        """The kind of each picture, int64 ``[pictures]``: size and place are measured."""
        areas = self.alphas.sum((1, 2))
        centers = np.arange(_SIDE, dtype=np.float32) + 0.5
        heights = (self.alphas.sum(2) * centers).sum(1) / areas
        widths = (self.alphas.sum(1) * centers).sum(1) / areas
        thirds = (_SIDE / 3, _SIDE * 2 / 3)
        places = np.digitize(heights, thirds) * 3 + np.digitize(widths, thirds)
        sizes = np.digitize(areas, _SIZE_BOUNDS)
        return np.ravel_multi_index((self.colors, self.shapes, sizes, places), KINDS)

    def paint(self) -> NDArray[np.uint8]:
        """The pictures, uint8 ``[pictures, 64, 64, 3]``."""
        alphas = self.alphas[..., None]
        grounds = self.backgrounds[:, None, None]
        inks = self.palette[self.colors][:, None, None]
        return (grounds + alphas * (inks - grounds)).round().astype(np.uint8)


def separate(pictures: Pictures) -> Mattes:
    """Take pictures apart."""
    pixels = pictures.pixels
    # A shape may cover one corner, hardly two.
    corners = pixels[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    backgrounds = np.median(corners, axis=1).astype(np.float32)
    palette = _palette(pictures, backgrounds)
    away = palette[pictures.colors] - backgrounds
    lengths = (away * away).sum(1)[:, None, None]
    differences = pixels - backgrounds[:, None, None]
    alphas = np.einsum("nhwc,nc->nhw", differences, away) / lengths
    return Mattes(
        alphas=alphas.clip(0, 1).astype(np.float32),
        backgrounds=backgrounds,
        colors=pictures.colors,
        shapes=pictures.shapes,
        palette=palette,
    )


def _palette(pictures: Pictures, backgrounds: NDArray[np.float32]) -> NDArray[np.float32]:
    """The RGB of each colour: what its pictures show most often besides their backgrounds."""
    palette = np.zeros((len(COLORS), 3), np.float32)
    for color in range(len(COLORS)):
        rows = pictures.colors == color
        pixels = pictures.pixels[rows]
        painted = pixels[(pixels != backgrounds[rows][:, None, None]).any(-1)]
        values, counts = np.unique(painted, axis=0, return_counts=True)
        if len(values):
            palette[color] = values[counts.argmax()]
    return palette
