"""Random crops: inside the picture, drawn from the row alone, and even. What framing wants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.framing import Framing, draw_crop, pixels_made_use_of
from models.source import DEFAULT_MODEL, resolve_image_tokenizer
from schemas.errors import UsageError


@given(
    seed=st.integers(0, 2**63 - 1),
    number=st.integers(0, 20),
    height=st.integers(1, 5000),
    width=st.integers(1, 5000),
    smallest=st.floats(0.01, 1.0),
)
def test_a_crop_is_a_square_inside_of_the_picture(
    seed: int, number: int, height: int, width: int, smallest: float
) -> None:
    part = draw_crop(seed, number, height, width, smallest=smallest)
    assert part == draw_crop(seed, number, height, width, smallest=smallest)
    assert part.height == part.width
    assert max(round(min(height, width) * smallest), 1) <= part.height <= min(height, width)
    assert 0 <= part.top <= height - part.height
    assert 0 <= part.left <= width - part.width


def test_sides_and_places_are_even() -> None:
    parts = [draw_crop(seed, 0, 100, 100) for seed in range(3000)]
    sides = np.bincount([part.height for part in parts], minlength=101)[50:]
    assert sides.sum() == 3000
    # Chi-square with 50 degrees of freedom: above 86.7 once in a thousand.
    assert ((sides - 3000 / 51) ** 2 / (3000 / 51)).sum() < 86.7
    places = np.array([part.left / (100 - part.width) for part in parts if part.width < 100])
    # Uniform on what is free: their mean is one half, and hardly two rows are alike.
    assert abs(places.mean() - 0.5) < 0.03
    assert len({(part.top, part.left, part.height) for part in parts}) > 2500


def test_crops_of_a_row_differ() -> None:
    assert len({draw_crop(7, number, 400, 300) for number in range(20)}) > 15


@pytest.mark.parametrize("smallest", [0.0, -1.0, 1.5, float("nan")])
def test_an_impossible_share_is_refused(smallest: float) -> None:
    with pytest.raises(UsageError, match="above 0 and at most 1"):
        draw_crop(0, 0, 10, 10, smallest=smallest)


def test_crops_and_larger_frames_want_more_of_a_picture() -> None:
    source = resolve_image_tokenizer(DEFAULT_MODEL)
    assert pixels_made_use_of(source, Framing()) == 64
    assert pixels_made_use_of(source, Framing(rule="letterbox")) == 64
    assert pixels_made_use_of(source, Framing(resolution=128)) == 128
    assert pixels_made_use_of(source, Framing(rule="crop")) is None
