"""How far a reconstruction is from its picture."""

from dataclasses import dataclass

import torch
from torch.nn import functional

# Sobel's operator across and down, divided by the sum of its absolute values.
_SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """What counts how much.

    Attributes:
        absolute: mean absolute error.
        squared: mean squared error.
        edges: mean absolute value of the error's gradient (Sobel): a shape's outline weighs little
            in the mean of all pixels, and much for who looks at it.
        commitment: mean squared distance of what is encoded from its code.
        foreground: a foreground pixel's weight in the first two, where the others have 1. A pixel
            is of the foreground if a channel differs from the median of the picture's border by
            more than ``foreground_levels``.
        foreground_levels: of 255.

    """

    absolute: float = 1.0
    squared: float = 2.0
    edges: float = 2.0
    commitment: float = 0.25
    foreground: float = 1.0
    foreground_levels: float = 8.0


def reconstruction_loss(
    made: torch.Tensor, values: torch.Tensor, pixels: torch.Tensor, weights: LossWeights
) -> torch.Tensor:
    """The loss of a batch, a scalar.

    Args:
        made: what the decoder made, float32 of shape (pictures, 3, height, width).
        values: what it should be, alike.
        pixels: the same as uint8.

    """
    error = made - values
    weight = foreground_weight(pixels, weights)
    loss = weights.absolute * (weight * error.abs()).mean()
    loss = loss + weights.squared * (weight * error.square()).mean()
    if weights.edges:
        loss = loss + weights.edges * gradients(error).abs().mean()
    return loss


def foreground_weight(pixels: torch.Tensor, weights: LossWeights) -> torch.Tensor:
    """The weight of each pixel: float32 of shape (pictures, 1, height, width), or a scalar 1."""
    if weights.foreground == 1:
        return torch.ones((), device=pixels.device)
    border = torch.cat(
        [pixels[:, :, 0], pixels[:, :, -1], pixels[:, :, :, 0], pixels[:, :, :, -1]], dim=2
    )
    ground = border.median(2).values[:, :, None, None].short()
    differs = (pixels.short() - ground).abs().amax(1, keepdim=True) > weights.foreground_levels
    return 1 + (weights.foreground - 1) * differs.float()


def gradients(values: torch.Tensor) -> torch.Tensor:
    """Sobel's gradients of each channel, across and down.

    Args:
        values: float32 of shape (pictures, channels, height, width); beyond its frame there is 0.

    Returns:
        float32 of shape (pictures * channels, 2, height, width).

    """
    sobel = _SOBEL.to(values.device)
    kernels = torch.stack([sobel, sobel.T])[:, None]
    return functional.conv2d(values.reshape(-1, 1, *values.shape[2:]), kernels, padding=1)
