"""How the learning rate goes over a training."""

import math
from typing import Literal

Schedule = Literal["cosine", "linear"]


def rate_of(step: int, *, steps: int, warmup_steps: int, schedule: Schedule) -> float:
    """The learning rate of a step, as a part of the largest.

    It rises in a line over the warm-up, and falls to 0 at the end: along half a cosine (SGDR,
    arXiv 1608.03983, equation 5, without restarts) or in a line.

    Args:
        step: counted from 0.

    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    return (1 + math.cos(math.pi * done)) / 2 if schedule == "cosine" else 1 - done
