"""What a training says of itself as it goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch.utils.tensorboard import SummaryWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What the last steps were like, since the report before.

    Attributes:
        step: steps done; ``steps``: of so many.
        measures: by name, ``loss`` among them.
        learning_rate: of the last step.
        gradient_norm: of the last step, before it was clipped.
        things_per_second: of what the stream counts, in all processes together.
        data_wait: share of the time in which nothing but data was waited for, from 0 to 1.

    """

    step: int
    steps: int
    measures: Mapping[str, float]
    learning_rate: float
    gradient_norm: float
    things_per_second: float
    data_wait: float


class Watcher(Protocol):
    """Whoever shows how a training goes."""

    def began(self, step: int, steps: int, things: str) -> None:
        """It begins, or goes on, behind a step; ``things`` are counted."""

    def stepped(self, report: StepReport) -> None:
        """Some steps are done."""

    def validated(self, step: int, measures: Mapping[str, float]) -> None:
        """The held-out examples were measured."""

    def saved(self, step: int, folder: Path) -> None:
        """A checkpoint is written."""


class Board:
    """Writes TensorBoard's event files."""

    def __init__(self, folder: Path, step: int, things: str) -> None:
        # What an ended process logged behind its last checkpoint is done again.
        self._writer = SummaryWriter(str(folder), purge_step=step + 1)
        self._things = things

    def stepped(self, report: StepReport) -> None:
        """Log the last steps."""
        values = {f"train/{name}": value for name, value in report.measures.items()}
        values |= {
            "train/learning_rate": report.learning_rate,
            "train/gradient_norm": report.gradient_norm,
            f"speed/{self._things}_per_second": report.things_per_second,
            "speed/data_wait": report.data_wait,
        }
        self._log(values, report.step)

    def validated(self, step: int, measures: Mapping[str, float]) -> None:
        """Log what was measured with held-out examples."""
        self._log({f"validation/{name}": value for name, value in measures.items()}, step)

    def close(self) -> None:
        """Write what is not written yet."""
        self._writer.close()

    def _log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()
