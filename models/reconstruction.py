"""How near a picture is to the one it was made from: PSNR and SSIM."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

_PEAK = 255.0
# Of "Image Quality Assessment: From Error Visibility to Structural Similarity" (Wang, Bovik, Sheikh
# and Simoncelli, IEEE Transactions on Image Processing 13(4), 2004), section III.C.
_WINDOW = 11
_DEVIATION = 1.5
_LUMINANCE = (0.01 * _PEAK) ** 2
_CONTRAST = (0.03 * _PEAK) ** 2


def psnr(picture: NDArray[np.uint8], original: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in decibels: 10 log10(255^2 / mean squared error).

    Args:
        picture: uint8 array of shape (height, width, 3).
        original: of the same shape.

    Returns:
        Infinity where the two are equal.

    Raises:
        ValueError: the shapes differ.

    """
    _check(picture, original, 1)
    error = float(np.mean((picture.astype(np.float64) - original.astype(np.float64)) ** 2))
    return 10.0 * math.log10(_PEAK**2 / error) if error else math.inf


def ssim(picture: NDArray[np.uint8], original: NDArray[np.uint8]) -> float:
    """Mean structural similarity (Wang et al. 2004), the mean over the three channels.

    The window is a Gaussian of 11 x 11 pixels with deviation 1.5; windows that reach over the edge
    are left out. K1 is 0.01 and K2 is 0.03.

    Args:
        picture: uint8 array of shape (height, width, 3), 11 pixels high and wide at least.
        original: of the same shape.

    Returns:
        From -1 to 1; 1 where the two are equal.

    Raises:
        ValueError: the shapes differ, or are too small.

    """
    _check(picture, original, _WINDOW)
    x, y = (
        torch.from_numpy(np.ascontiguousarray(one)).permute(2, 0, 1).double()
        for one in (picture, original)
    )
    means = _smooth(torch.stack([x, y, x * x, y * y, x * y]))
    mean_x, mean_y = means[0], means[1]
    variances = (means[2] - mean_x**2) + (means[3] - mean_y**2)
    covariance = means[4] - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + _LUMINANCE) * (2 * covariance + _CONTRAST)) / (
        (mean_x**2 + mean_y**2 + _LUMINANCE) * (variances + _CONTRAST)
    )
    return float(similarity.mean())


def _smooth(planes: torch.Tensor) -> torch.Tensor:
    """Weighted means of every window that lies inside, along one axis and then the other."""
    offsets = torch.arange(_WINDOW, dtype=torch.float64) - _WINDOW // 2
    weights = torch.exp(-(offsets**2) / (2 * _DEVIATION**2))
    weights /= weights.sum()
    flat = planes.flatten(0, 1).unsqueeze(1)
    flat = torch.nn.functional.conv2d(flat, weights.view(1, 1, -1, 1))
    flat = torch.nn.functional.conv2d(flat, weights.view(1, 1, 1, -1))
    return flat.view(*planes.shape[:2], *flat.shape[2:])


def _check(picture: NDArray[np.uint8], original: NDArray[np.uint8], least: int) -> None:
    if picture.shape != original.shape:
        raise ValueError(f"The shapes of the pictures differ: {picture.shape}, {original.shape}.")
    if min(picture.shape[:2]) < least:
        raise ValueError(f"A picture must have {least} x {least} pixels, not {picture.shape[:2]}.")
