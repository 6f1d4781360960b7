"""PSNR and SSIM, against scikit-image."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import metrics

from models.reconstruction import psnr, ssim

scikit: Any = metrics


def two_pictures(seed: int, height: int, width: int, noise: int) -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(seed)
    one = generator.integers(0, 256, (height, width, 3))
    other = one + generator.integers(-noise, noise + 1, one.shape)
    return [picture.clip(0, 255).astype(np.uint8) for picture in (one, other)]


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    height=st.integers(11, 40),
    width=st.integers(11, 40),
    noise=st.integers(1, 255),
)
def test_both_are_those_of_scikit_image(seed: int, height: int, width: int, noise: int) -> None:
    one, other = two_pictures(seed, height, width, noise)
    expected = scikit.structural_similarity(
        one,
        other,
        data_range=255,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(one, other) == pytest.approx(expected, abs=1e-9)
    assert psnr(one, other) == pytest.approx(
        scikit.peak_signal_noise_ratio(other, one, data_range=255), abs=1e-9
    )


def test_equal_pictures_are_as_near_as_can_be() -> None:
    one, _ = two_pictures(0, 20, 20, 1)
    assert psnr(one, one) == math.inf
    assert ssim(one, one) == 1.0


def test_pictures_that_cannot_be_compared_are_refused() -> None:
    one, _ = two_pictures(0, 12, 12, 1)
    with pytest.raises(ValueError, match="shapes of the pictures differ"):
        psnr(one, one[:5])
    with pytest.raises(ValueError, match="must have 11 x 11 pixels"):
        ssim(one[:10], one[:10])
