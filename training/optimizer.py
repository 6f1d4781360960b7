"""AdamW over what requires a gradient, and its state as tensors by name."""

from collections.abc import Mapping

import torch
from torch import nn


def build_optimizer(
    model: nn.Module, *, weight_decay: float, betas: tuple[float, float]
) -> torch.optim.AdamW:
    """Build AdamW (arXiv 1711.05101); vectors, such as those of norms, are not decayed."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [one for one in trained if one.ndim > 1], "weight_decay": weight_decay},
        {"params": [one for one in trained if one.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], betas=betas)


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, model: nn.Module
) -> dict[str, torch.Tensor]:
    """The optimizer's state: of each parameter, what it keeps, as ``<what>/<parameter>``."""
    return {
        f"{what}/{name}": value
        for name, parameter in model.named_parameters()
        for what, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Put an optimizer's state back."""
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        what, _, name = key.partition("/")
        parameter = parameters[name]
        # The count of steps is kept on the CPU, as the optimizer itself does.
        device = value.device if what == "step" else parameter.device
        optimizer.state[parameter][what] = value.to(device)
