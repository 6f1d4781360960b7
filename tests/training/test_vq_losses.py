"""The parts of a tokenizer's loss against other code."""

import numpy as np
import torch
from scipy.ndimage import sobel
from skimage.metrics import peak_signal_noise_ratio

from training.vq_losses import LossWeights, foreground_weight, gradients, reconstruction_loss
from training.vq_objective import psnr, scaled


def some_pixels(seed: int = 0) -> torch.Tensor:
    values = np.random.default_rng(seed).integers(0, 256, (2, 3, 9, 7), dtype=np.uint8)
    return torch.from_numpy(values)


def test_gradients_are_those_of_scipy() -> None:
    values = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 9, 7))).float()
    made = gradients(values).view(2, 3, 2, 9, 7).numpy()
    for axis in (0, 1):
        # One by one, for SciPy smooths along all other axes.
        expected = np.stack(
            [
                np.stack([sobel(one, axis=1 - axis, mode="constant") / 8 for one in picture])
                for picture in values.numpy()
            ]
        )
        np.testing.assert_allclose(made[:, :, axis], expected, rtol=1e-5, atol=1e-6)


def test_the_foreground_is_what_differs_from_the_border() -> None:
    pixels = torch.full((1, 3, 8, 8), 200, dtype=torch.uint8)
    pixels[0, :, 2:5, 3:6] = 190
    pixels[0, 1, 6, 6] = 208
    pixels[0, 1, 6, 5] = 209
    weight = foreground_weight(pixels, LossWeights(foreground=3.0, foreground_levels=8.0))
    expected = torch.ones(8, 8)
    expected[2:5, 3:6] = 3
    expected[6, 5] = 3
    assert torch.equal(weight[0, 0], expected)
    assert foreground_weight(pixels, LossWeights()) == 1


def test_each_part_of_the_loss_counts_as_it_is_weighted() -> None:
    pixels = some_pixels()
    made = scaled(some_pixels(1))
    error = (made - scaled(pixels)).double().numpy()
    weights = foreground_weight(pixels, LossWeights(foreground=3.0)).numpy()
    parts = {
        "absolute": np.abs(error).mean(),
        "squared": (error**2).mean(),
        "edges": np.abs(gradients(made - scaled(pixels)).numpy()).mean(),
    }
    for name, expected in parts.items():
        only = LossWeights(**{"absolute": 0, "squared": 0, "edges": 0, name: 2.0})
        loss = reconstruction_loss(made, scaled(pixels), pixels, only)
        np.testing.assert_allclose(float(loss), 2 * expected, rtol=1e-5)
    heavier = LossWeights(absolute=1.0, squared=0, edges=0, foreground=3.0)
    loss = reconstruction_loss(made, scaled(pixels), pixels, heavier)
    np.testing.assert_allclose(float(loss), (weights * np.abs(error)).mean(), rtol=1e-5)


def test_psnr_is_that_of_scikit_image() -> None:
    pixels, other = some_pixels(), some_pixels(1)
    found = psnr(scaled(other), pixels)
    for one, two, value in zip(pixels.numpy(), other.numpy(), found.tolist(), strict=True):
        np.testing.assert_allclose(value, peak_signal_noise_ratio(one, two), rtol=1e-5)
    assert float(psnr(scaled(pixels), pixels).min()) > 70
