"""Options that trainings of tokenizers and of CLIP have in common. Imports no torch.

Each field is a name in the configuration file and a flag; the texts below the fields are their
help.
"""

from dataclasses import dataclass
from typing import Literal

from schemas.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ColumnOptions:
    """The catalog's columns, where they have other names than the usual ones."""

    id: str = ""
    """Column of the ids."""
    uri: str = ""
    """Column of the pictures: uris, or bytes in Parquet."""
    text: str = ""
    """Column of the texts."""
    references: str = ""
    """Column of further texts, a list."""


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """Which pictures, and how they become frames."""

    resolution: int = 64
    """Side of a frame in pixels."""
    framing: Literal["checkpoint", "letterbox", "squeeze", "crop"] = "checkpoint"
    """Shorter side scaled and the middle cut out, bars, squeezed, or a random square part."""
    smallest_crop: float = 0.5
    """Side of a random part at least, as a share of the picture's shorter side."""
    mirror: bool = False
    """Mirror half of the frames, drawn anew each time."""
    shift: int = 0
    """Move frames by up to so many pixels, drawn anew each time."""
    held_out: int = 256
    """Rows that are not trained on but measured with, drawn by the seed."""
    memory_mib: int = 1024
    """MiB of frames in memory at most."""
    max_failure_rate: float = 0.1
    """Share of the rows that may fail, of a hundred or more."""

    def __post_init__(self) -> None:
        at_least("pictures.resolution", self.resolution, 8)
        at_least("pictures.shift", self.shift, 0)
        at_least("pictures.held_out", self.held_out, 1)
        at_least("pictures.memory_mib", self.memory_mib, 1)
        between("pictures.max_failure_rate", self.max_failure_rate, 0, 1)
        if not 0 < self.smallest_crop <= 1:
            raise UsageError(
                f"pictures.smallest_crop must be above 0 and at most 1, not {self.smallest_crop}."
            )


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How long and how to train."""

    steps: int = 530
    """Steps of the optimizer."""
    batch_size: int = 128
    """Pictures that one process computes at once."""
    accumulation: int = 1
    """Batches of each process in a step."""
    learning_rate: float = 1e-3
    """The largest learning rate; it falls to 0 along half a cosine."""
    warmup_steps: int = 50
    """Steps over which it rises."""
    weight_decay: float = 1e-4
    """Weight decay of AdamW, on matrices."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Decay of AdamW's two moments."""
    clip_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic; weights stay in float32."""
    seed: int = 0
    """Seed of the weights, the order of pictures and the rows held out."""
    save_every: int = 100
    """Steps between checkpoints; the newest two are kept."""
    validate_every: int = 100
    """Steps between measurements with what is held out; 0 for one at the end."""
    log_every: int = 10
    """Steps between lines of the log."""

    def __post_init__(self) -> None:
        for name in ("steps", "accumulation", "save_every", "log_every"):
            at_least(f"training.{name}", getattr(self, name), 1)
        # One picture says nothing of the others, nor is it another's wrong one.
        at_least("training.batch_size", self.batch_size, 2)
        for name in ("validate_every", "warmup_steps", "weight_decay", "seed"):
            at_least(f"training.{name}", getattr(self, name), 0)
        for name in ("learning_rate", "clip_norm"):
            if getattr(self, name) <= 0:
                raise UsageError(f"training.{name} must be above 0, not {getattr(self, name)}.")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise UsageError(f"training.betas must be from 0 to below 1, not {self.betas}.")


def at_least(name: str, value: float, least: float) -> None:
    """Refuse a value below a bound.

    Raises:
        UsageError: it is.

    """
    if value < least:
        raise UsageError(f"{name} must be at least {least}, not {value}.")


def between(name: str, value: float, least: float, most: float) -> None:
    """Refuse a value outside of bounds.

    Raises:
        UsageError: it is.

    """
    if not least <= value <= most:
        raise UsageError(f"{name} must be from {least} to {most}, not {value}.")
