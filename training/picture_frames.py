"""Pictures of any size as frames of one size, and small changes to them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from models.framing import check_picture, cut, draw_crop, letterbox

FrameRule = Literal["checkpoint", "letterbox", "squeeze", "crop"]
"""``checkpoint``: the shorter side scaled to the frame, and the middle cut out, as processors of
Chameleon and CLIP do. ``letterbox``: the whole picture with bars of grey. ``squeeze``: the whole
picture, its proportions lost. ``crop``: a random square part, another in each epoch."""

Frame = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Framer:
    """Makes frames.

    Attributes:
        side: of a frame, in pixels.
        rule: see :data:`FrameRule`.
        resample: a filter of Pillow.
        smallest_crop: side of a crop at least, as a share of the picture's shorter side.

    """

    side: int
    rule: FrameRule = "checkpoint"
    resample: int = PillowImage.Resampling.LANCZOS
    smallest_crop: float = 0.5

    def frame(self, pixels: Frame, seed: int, epoch: int) -> Frame:
        """Frame a picture.

        Args:
            pixels: uint8 of shape (height, width, 3).
            seed: of the row, where the rule draws.
            epoch: likewise.

        Returns:
            uint8 of shape (side, side, 3).

        Raises:
            RowError: it is too thin.

        """
        check_picture(pixels)
        height, width = pixels.shape[:2]
        if self.rule == "crop":
            part = draw_crop(seed, epoch, height, width, smallest=self.smallest_crop)
            return np.asarray(cut(pixels, part, self.side, self.side, self.resample))
        if height == width == self.side:
            return pixels
        if self.rule == "letterbox":
            return np.asarray(letterbox(pixels, self.side, self.side, self.resample)[0])
        if self.rule == "squeeze":
            return self._scaled(pixels, self.side, self.side)
        shorter = min(height, width)
        scaled = self._scaled(pixels, self.side * height // shorter, self.side * width // shorter)
        top, left = (scaled.shape[0] - self.side) // 2, (scaled.shape[1] - self.side) // 2
        return scaled[top : top + self.side, left : left + self.side]

    def _scaled(self, pixels: Frame, height: int, width: int) -> Frame:
        filter_ = PillowImage.Resampling(self.resample)
        return np.asarray(PillowImage.fromarray(pixels).resize((width, height), filter_))


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Small changes to frames, drawn anew each time.

    Attributes:
        mirror: half of the frames are mirrored.
        shift: frames are moved by up to so many pixels down or up, and as many across; what comes
            in repeats the border.

    """

    mirror: bool = False
    shift: int = 0

    def apply(self, frames: Frame, generator: np.random.Generator) -> Frame:
        """Change frames, uint8 of shape (frames, side, side, 3), each by itself."""
        if not (self.mirror or self.shift):
            return frames
        count, height, width = frames.shape[:3]
        moves = generator.integers(-self.shift, self.shift, size=(count, 2), endpoint=True)
        mirrored = generator.random((count, 1)) < (0.5 if self.mirror else 0.0)
        rows: NDArray[np.int64] = np.clip(np.arange(height) - moves[:, :1], 0, height - 1)
        columns: NDArray[np.int64] = np.clip(np.arange(width) - moves[:, 1:], 0, width - 1)
        columns = np.where(mirrored, columns[:, ::-1], columns)
        return frames[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
