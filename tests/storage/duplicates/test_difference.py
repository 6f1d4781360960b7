"""Differences of real pictures and what Pillow makes of them."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from easy_vqa import get_test_image_paths
from PIL import Image, ImageEnhance

from storage.duplicates.difference import are_near, differences
from storage.duplicates.signature import pixels_digest, signature_of

PICTURES = [Image.open(path).convert("RGB") for path in list(get_test_image_paths().values())[:60]]


def signatures(pictures: list[Image.Image]) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    return np.stack([signature_of(np.asarray(picture)) for picture in pictures])


def as_jpeg(picture: Image.Image) -> Image.Image:
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=70)
    return Image.open(held).convert("RGB")


@pytest.mark.parametrize(
    "edit",
    [
        lambda picture: picture.resize((100, 100), Image.Resampling.BICUBIC),
        as_jpeg,
        lambda picture: picture.crop((1, 0, 64, 63)),
        lambda picture: ImageEnhance.Brightness(picture).enhance(0.98),
    ],
    ids=["rescaled", "jpeg", "cropped", "brighter"],
)
def test_copies_differ_little_and_other_pictures_much(
    edit: Callable[[Image.Image], Image.Image],
) -> None:
    originals = signatures(PICTURES)
    copies = signatures([edit(picture) for picture in PICTURES])
    near = differences(originals, copies)
    far = differences(originals, np.roll(copies, 1, axis=0))
    assert np.quantile(near, 0.95) < 6
    assert far.min() > 7


def test_a_difference_has_no_direction_and_is_0_for_like_pictures() -> None:
    originals = signatures(PICTURES)
    others = np.roll(originals, 1, axis=0)
    np.testing.assert_allclose(
        differences(originals, others), differences(others, originals), atol=1e-4
    )
    assert not differences(originals, originals).any()


def test_a_shift_of_colour_counts_three_quarters_of_a_level_each() -> None:
    grey = np.full((1, 16, 16, 3), 100, np.uint8)
    shifted = grey + np.array([0, 4, 2], np.uint8)
    assert differences(grey, shifted) == pytest.approx([3.0], abs=1e-4)


def test_a_pair_differs_alike_whatever_stands_beside_it() -> None:
    originals = signatures(PICTURES)
    others = np.roll(originals, 7, axis=0)
    together = differences(originals, others)
    alone = [float(differences(originals[at : at + 1], others[at : at + 1])[0]) for at in range(60)]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_near_is_what_differs_no_more_than_that() -> None:
    originals = signatures(PICTURES)
    copies = signatures([as_jpeg(picture.crop((1, 0, 64, 63))) for picture in PICTURES])
    found = differences(originals, copies)
    for most in (float(np.median(found)), 0.0, 100.0):
        assert are_near(originals, copies, most).tolist() == (found <= most).tolist()
    assert len(are_near(originals[:0], copies[:0], 6.0)) == 0


def test_any_shape_of_picture_has_a_signature() -> None:
    for shape in ((1, 1), (1, 500), (900, 2), (16, 16)):
        assert signature_of(np.zeros((*shape, 3), np.uint8)).shape == (16, 16, 3)


def test_digests_tell_sizes_apart() -> None:
    black = np.zeros((4, 6, 3), np.uint8)
    told = {
        pixels_digest(black, width=6, height=4),
        pixels_digest(black, width=60, height=40),
        pixels_digest(black.reshape(6, 4, 3), width=4, height=6),
        pixels_digest(black + 1, width=6, height=4),
    }
    assert len(told) == 4
    assert pixels_digest(black[::2][:, ::1], width=6, height=4) not in told
