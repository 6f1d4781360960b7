"""What a training loop trains: a model, and what a batch of examples costs it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

Batch = Mapping[str, Any]
"""Examples, as tensors by name; what is no tensor stays where it is."""
Measures = dict[str, torch.Tensor]
"""By name, float32 tensors of shape (2,): a sum, and the weight that it is divided by."""


class Objective(nn.Module):
    """A model with its loss. What of it requires a gradient is trained; all of that is saved."""

    def forward(self, batch: Batch) -> Measures:
        """Measure a batch.

        Returns:
            ``loss``, whose sum over all batches of a step, divided by the sum of their weights, is
            minimised; any other measure is logged as its sum divided by its weight.

        """
        raise NotImplementedError

    def after_step(self) -> None:
        """What is done after each step of the optimizer, such as keeping a weight in its bounds."""

    def summary(self) -> Measures:
        """What held-out batches were like together, asked after the last of them."""
        return {}


def measure(total: torch.Tensor, weight: torch.Tensor | float) -> torch.Tensor:
    """A measure of its sum and weight."""
    weight = torch.as_tensor(weight, device=total.device)
    return torch.stack([total.float(), weight.detach().float()])


def saved_tensors(objective: nn.Module) -> dict[str, torch.Tensor]:
    """What training changes: parameters that require a gradient, and buffers, by name.

    Buffers that a model makes anew from its configuration are left out, and so is what is frozen.
    """
    trained = {
        name: parameter.detach()
        for name, parameter in objective.named_parameters()
        if parameter.requires_grad
    }
    parameters = {name for name, _ in objective.named_parameters(remove_duplicate=False)}
    buffers = {
        name: tensor
        for name, tensor in objective.state_dict().items()
        if name not in parameters and isinstance(tensor, torch.Tensor)
    }
    return trained | buffers
