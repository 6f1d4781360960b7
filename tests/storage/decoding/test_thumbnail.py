"""Thumbnails: small JPEGs that look like their picture."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from storage.decoding.thumbnail import make_thumbnail


def opened(jpeg: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(jpeg))
    picture.load()
    return picture


@settings(deadline=None)
@given(st.integers(1, 700), st.integers(1, 700))
def test_the_longer_side_is_128_pixels_at_most(height: int, width: int) -> None:
    picture = opened(make_thumbnail(np.zeros((height, width, 3), np.uint8)))
    assert picture.format == "JPEG"
    if max(height, width) <= 128:
        assert picture.size == (width, height)
    else:
        assert max(picture.size) == 128
        shrunk = 128 / max(height, width)
        assert abs(picture.width - width * shrunk) <= 1
        assert abs(picture.height - height * shrunk) <= 1


def test_colours_and_places_stay() -> None:
    pixels = np.zeros((256, 512, 3), np.uint8)
    pixels[:, :256] = (250, 10, 10)
    pixels[:, 256:] = (10, 10, 250)
    picture = opened(make_thumbnail(pixels))
    assert picture.size == (128, 64)
    for place, colour in ((20, (250, 10, 10)), (108, (10, 10, 250))):
        found = picture.getpixel((place, 32))
        assert isinstance(found, tuple)
        assert np.abs(np.subtract(found, colour)).max() < 12


def test_a_decoded_picture_that_may_not_be_written_to_serves() -> None:
    pixels = np.full((200, 100, 3), 128, np.uint8)
    pixels.flags.writeable = False
    assert opened(make_thumbnail(pixels)).size == (64, 128)


def test_a_thumbnail_is_a_few_kilobytes() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1500, 3), np.uint8)
    assert len(make_thumbnail(noise)) < 12_000
