"""Pictures taken apart and painted anew."""

import numpy as np
import pytest

from training.captions import ATTRIBUTES_BEYOND, KINDS, SHAPES
from training.mattes import Mattes, separate
from training.painting import Painter
from training.pictures import Pictures


def test_a_picture_taken_apart_can_be_painted_again(few: Pictures) -> None:
    painted = separate(few).paint().astype(int)
    assert np.abs(painted - few.pixels).mean() < 0.5


def test_size_and_place_are_measured() -> None:
    alphas = np.zeros((2, 64, 64), np.float32)
    alphas[0, :10, 50:60] = 1
    alphas[1, 20:44, 20:44] = 1
    zeros = np.zeros(2, np.int64)
    mattes = Mattes(
        alphas=alphas,
        backgrounds=np.full((2, 3), 240, np.float32),
        colors=zeros,
        shapes=zeros + 2,
        palette=np.zeros((8, 3), np.float32),
    )
    _, _, sizes, places = np.unravel_index(mattes.kinds(), KINDS)
    assert sizes.tolist() == [0, 2]
    assert places.tolist() == [2, 4]


def test_new_pictures_hold_what_their_kind_says(few: Pictures) -> None:
    known = separate(few)
    drawn = Painter(known, np.random.default_rng(0)).draw(200)
    again = separate(Pictures(pixels=drawn.paint(), colors=drawn.colors, shapes=drawn.shapes))
    assert np.abs(again.palette - known.palette).max() <= 1
    assert (again.kinds() == drawn.kinds()).mean() > 0.98


def test_new_pictures_are_of_every_look_and_repeat_with_the_seed(few: Pictures) -> None:
    known = separate(few)
    first, second = (Painter(known, np.random.default_rng(1)).draw(500) for _ in range(2))
    assert (first.paint() == second.paint()).all()
    assert len(np.unique(first.kinds() // ATTRIBUTES_BEYOND)) == 8 * len(SHAPES)


@pytest.mark.parametrize("side", [0, 1])
def test_a_shape_that_is_cut_off_stays_at_the_frame(few: Pictures, side: int) -> None:
    mattes = separate(few).take(np.zeros(1, np.int64))
    mattes.alphas[:] = 0
    mattes.alphas[0, :8, 20:30] = 1
    mattes.alphas[:] = mattes.alphas.swapaxes(1, 2) if side else mattes.alphas
    drawn = Painter(mattes, np.random.default_rng(0)).draw(50)
    frame = np.concatenate(
        [drawn.alphas[:, [0, -1]], drawn.alphas[:, :, [0, -1]].swapaxes(1, 2)], axis=1
    )
    assert (frame.sum((1, 2)) >= 10).all()
