"""The contrastive loss where a caption fits several pictures."""

import torch
from torch.nn import functional


def contrastive_loss(logits: torch.Tensor, fits: torch.Tensor) -> torch.Tensor:
    """Divergence of what the logits choose from what fits, both ways, averaged.

    CLIP's loss (Radford et al., 2021, figure 3) has one caption a picture. Here a batch holds
    several red circles, so the target of each row is shared out among all that fit, as in
    supervised contrastive learning (Khosla et al., 2020). Its entropy is taken off: 0 is perfect.

    Args:
        logits: float32 ``[pictures, captions]``, scaled similarities.
        fits: bool ``[pictures, captions]``. A picture or caption that nothing fits does not count.

    Returns:
        A scalar, in nats.

    """
    return (_divergence(logits, fits) + _divergence(logits.T, fits.T)) / 2


def _divergence(logits: torch.Tensor, fits: torch.Tensor) -> torch.Tensor:
    rows = fits.any(1)
    targets = functional.normalize(fits[rows].float(), p=1.0, dim=1)
    return functional.kl_div(logits[rows].log_softmax(1), targets, reduction="batchmean")
