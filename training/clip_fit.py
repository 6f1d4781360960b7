"""Fits the small CLIP to pictures and to the captions that are made for them."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from training.clip_batches import Batches
from training.clip_parts import build_model, build_processor
from training.mattes import separate
from training.painting import Painter
from training.pictures import Pictures
from training.zero_shot import ZeroShot, measure

_WARM_UP = 50
_LAST_RATE = 0.02
_REPORT_EVERY = 50
_MEASURE_EVERY = 250
# The temperature is kept above 1/100, as CLIP does.
_LARGEST_SCALE = math.log(100)


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How long and how to train.

    Attributes:
        steps: of the optimiser.
        minutes: takes as many steps as fit in them instead, by the speed of the first 50.
        batch_size: pictures a step.
        held_out: pictures that are not trained on but measured with.
        learning_rate: the largest; it rises over 50 steps and falls along a cosine.
        seed: of the weights, the pictures held out, and the batches.

    """

    steps: int = 1300
    minutes: float | None = None
    batch_size: int = 64
    held_out: int = 400
    learning_rate: float = 1e-3
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A trained model.

    Attributes:
        model: a ``CLIPModel`` in evaluation mode.
        processor: its ``CLIPProcessor``.
        losses: of each step, in nats.
        held_out: measured with the pictures that were not trained on.

    """

    model: Any
    processor: Any
    losses: list[float]
    held_out: ZeroShot


def fit_clip(pictures: Pictures, settings: FitSettings, report: Callable[[str], None]) -> Fitted:
    """Train a model.

    The same pictures, steps, seed and number of threads give the same weights on one machine.

    Args:
        report: takes a line of progress now and then.

    """
    rng = np.random.default_rng(settings.seed)
    mattes = separate(pictures)
    order = rng.permutation(len(mattes))
    apart, known = order[: settings.held_out], order[settings.held_out :]
    processor = build_processor()
    model = build_model(processor, settings.seed)
    batches = Batches(Painter(mattes.take(known), rng), processor, settings.batch_size, rng)

    def held_out() -> ZeroShot:
        return measure(model, processor, pictures.pixels[apart], mattes.take(apart).kinds())

    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.05)
    losses: list[float] = []
    steps = settings.steps if settings.minutes is None else None
    start = time.monotonic()
    while steps is None or len(losses) < steps:
        if settings.minutes is not None and len(losses) == _WARM_UP:
            # Until here the learning rate does not depend on how many steps follow.
            speed = _WARM_UP / (time.monotonic() - start)
            steps = max(_WARM_UP + 1, round(settings.minutes * 60 * speed))
            report(f"{speed:.2f} steps a second: {steps} steps")
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _rate(len(losses), steps)
        losses.append(_step(model, optimizer, batches))
        if len(losses) % _REPORT_EVERY == 0:
            minutes = (time.monotonic() - start) / 60
            recent = np.mean(losses[-_REPORT_EVERY:])
            report(f"step {len(losses)}, {minutes:.1f} min: loss {recent:.4f}")
        if len(losses) % _MEASURE_EVERY == 0:
            report(f"held out: {held_out()}")
    return Fitted(model=model, processor=processor, losses=losses, held_out=held_out())


def _step(model: Any, optimizer: torch.optim.Optimizer, batches: Batches) -> float:
    model.train()
    loss = batches.loss(model)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    with torch.no_grad():
        model.logit_scale.clamp_(max=_LARGEST_SCALE)
    return loss.item()


def _rate(step: int, steps: int | None) -> float:
    """The learning rate of a step, as a part of the largest."""
    if steps is None or step < _WARM_UP:
        return (step + 1) / _WARM_UP
    done = (step - _WARM_UP) / (steps - _WARM_UP)
    return _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * done)) / 2
