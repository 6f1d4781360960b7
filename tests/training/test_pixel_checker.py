"""The checker of drawn pictures, held to easy-VQA's own answers."""

import numpy as np
import pytest

from bench.pixel_checker import PALETTE, look_at
from training.captions import COLORS, SHAPES
from training.pictures import read_pictures


def test_it_sees_what_the_questions_tell_of_each_test_picture() -> None:
    pictures = read_pictures("test")
    seen = [look_at(pixels) for pixels in pictures.pixels]
    assert [one.color for one in seen] == [COLORS[color] for color in pictures.colors]
    assert [one.shape for one in seen] == [SHAPES[shape] for shape in pictures.shapes]


def test_it_sees_nothing_where_nothing_is() -> None:
    assert look_at(np.full((64, 64, 3), 240, np.uint8)).color == ""


@pytest.mark.parametrize("color", COLORS)
def test_a_blot_of_a_color_is_not_called_another(color: str) -> None:
    generator = np.random.default_rng(0)
    pixels = np.full((64, 64, 3), (245, 240, 250), np.uint8)
    pixels[20:40, 20:40] = PALETTE[color]
    noisy = pixels.astype(int) + generator.integers(-12, 13, pixels.shape)
    seen = look_at(noisy.clip(0, 255).astype(np.uint8))
    assert (seen.color, seen.shape) == (color, "rectangle")
