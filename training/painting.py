"""New pictures from known ones: the shape moved, mirrored and recoloured, on another background."""

import numpy as np
from numpy.typing import NDArray

from training.captions import COLORS
from training.mattes import Mattes

# What is left of a smooth edge below this coverage cannot be seen.
_VISIBLE = 0.02
_LEFT_AS_IT_IS = 0.3
# New pictures drawn together are of few colours, so that many differ in size and place alone.
# With all eight, a batch can be told apart nearly without these.
_COLORS_AT_ONCE = 2


class Painter:
    """Draws pictures from a set of them and changes most."""

    def __init__(self, mattes: Mattes, rng: np.random.Generator) -> None:
        self._mattes = mattes
        self._rng = rng
        self._rows = _extents(mattes.alphas.max(2) > _VISIBLE)
        self._columns = _extents(mattes.alphas.max(1) > _VISIBLE)

    def draw(self, count: int) -> Mattes:
        """Draw pictures, with repetition, and change 7 of 10."""
        chosen = self._rng.integers(len(self._mattes), size=count)
        changed = self._rng.random(count) >= _LEFT_AS_IT_IS
        drawn = self._mattes.take(chosen)
        grounds = self._mattes.backgrounds[self._rng.integers(len(self._mattes), size=count)]
        few = self._rng.choice(len(COLORS), _COLORS_AT_ONCE, replace=False)
        colors = self._rng.choice(few, count)
        return Mattes(
            alphas=np.stack(
                [
                    self._moved(alpha, row) if change else alpha
                    for alpha, row, change in zip(drawn.alphas, chosen, changed, strict=True)
                ]
            ),
            backgrounds=np.where(changed[:, None], grounds, drawn.backgrounds),
            colors=np.where(changed, colors, drawn.colors),
            shapes=drawn.shapes,
            palette=drawn.palette,
        )

    def _moved(self, alpha: NDArray[np.float32], row: np.int64) -> NDArray[np.float32]:
        last = len(alpha) - 1
        top, bottom = self._rows[row]
        left, right = self._columns[row]
        # What touches the frame may be cut off there, and must not be seen so elsewhere.
        if min(top, left) > 0 and max(bottom, right) < last:
            down = self._rng.integers(-top, last - bottom, endpoint=True)
            across = self._rng.integers(-left, last - right, endpoint=True)
            alpha = np.roll(alpha, (down, across), (0, 1))
        return alpha[:, ::-1] if self._rng.random() < 0.5 else alpha


def _extents(lines: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First and last True of each row: bool ``[pictures, 64]`` to int64 ``[pictures, 2]``."""
    last = lines.shape[1] - 1
    return np.stack([lines.argmax(1), last - lines[:, ::-1].argmax(1)], axis=1)
