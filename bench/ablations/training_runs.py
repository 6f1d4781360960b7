"""Training the variants by ``calumma train model``, and how their loss fell."""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bench.ablations.place import Place, training
from bench.ablations.plan import INSTRUCTIONS, VARIANTS, Variant

_MODEL = Path(__file__).parent / "model.toml"
_RANDOM = ("initialize", "width", "layers", "heads", "ff")
_LOSS = "validation/loss"
# Measurements of the loss in a training.
_LOOKS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One variant with one seed."""

    place: Place
    name: str
    seed: int

    @property
    def variant(self) -> Variant:
        return VARIANTS[self.name]

    @property
    def folder(self) -> Path:
        """Where its model is."""
        return self.place.out / "runs" / f"{self.name}-{self.seed}"

    @property
    def results(self) -> Path:
        """Where what is measured of it is kept."""
        return self.place.out / "results" / f"{self.name}-{self.seed}"


def train(run: Run) -> None:
    """Train a variant, or go on; nothing where it is done."""
    if (run.folder / "training.json").exists():
        return
    config = run.place.out / "runs" / f"{run.name}-{run.seed}.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    # Of these types, JSON is TOML too.
    lines = [f"{key} = {json.dumps(value)}" for key, value in _configuration(run).items()]
    config.write_text("\n".join(lines) + "\n")
    training(config)


def _configuration(run: Run) -> dict[str, Any]:
    place, variant = run.place, run.variant
    settings = tomllib.loads(_MODEL.read_text())
    steps = place.sizes.steps
    begins_with = place.tokenizer
    if variant.follows:
        begins_with = Run(place=place, name=variant.follows, seed=run.seed).folder
        settings = {key: value for key, value in settings.items() if key not in _RANDOM}
    settings |= {
        "model": str(begins_with),
        "out": str(run.folder),
        "documents": [str(place.documents("known", name)) for name in variant.sets],
        "steps": steps // 2 if variant.half else steps,
        "seed": run.seed,
    }
    if len(variant.sets) > 1:
        settings["mixing"] = list(variant.sets.values())
    if variant.kind == "instructions":
        # As each is used: with as many neighbours as it has learnt from at most.
        count = 0 if variant.retrieval == "none" else 2
        held = [str(place.documents("held", f"{name}-{count}")) for name in INSTRUCTIONS]
        settings |= {"validation": held, "validate_every": max(1, steps // _LOOKS)}
    return settings


def read_curve(run: Run) -> list[tuple[int, float]]:
    """Steps, and the loss of held-out documents behind each."""
    events = EventAccumulator(str(run.folder / "logs"), size_guidance={"scalars": 0})
    events.Reload()
    # A training that was ended goes back to its last checkpoint, and measures some steps again.
    measured = {event.step: event.value for event in events.Scalars(_LOSS)}
    return sorted(measured.items())


def steps_to(curve: Sequence[tuple[int, float]], loss: float) -> float | None:
    """At which step a loss is first reached, between two measurements by a straight line.

    None where it is not.
    """
    before: tuple[int, float] | None = None
    for step, value in curve:
        if value <= loss:
            if before is None:
                return float(step)
            share = (before[1] - loss) / (before[1] - value)
            return before[0] + share * (step - before[0])
        before = step, value
    return None
