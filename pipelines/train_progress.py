"""Showing how far a training is: a live line on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reports.formatting import duration

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from training.journal import StepReport

_SECONDS_BETWEEN_LINES = 10.0


class TrainingProgress:
    """Draws on standard error, so that standard output holds results only."""

    def __init__(self) -> None:
        self._live: RichProgress | None = None
        self._printed = self._started = time.monotonic()
        self._first = 0
        self._things = ""

    def began(self, step: int, steps: int, things: str) -> None:
        """Say where the training begins."""
        self._first, self._things = step, things
        self._started = self._printed = time.monotonic()
        verb = f"Going on behind step {step}" if step else "Training"
        self._say(f"{verb}, {steps} steps in all")
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._live = Bar(
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TextColumn("left"),
                TimeRemainingColumn(compact=True),
                console=Console(stderr=True),
            )
            self._live.start()
            self._task = self._live.add_task("steps", total=steps, completed=step, note="")

    def stepped(self, report: "StepReport") -> None:
        """Draw the last steps."""
        note = (
            f"{_said(report.measures)}, {report.things_per_second:,.0f} {self._things}/s, "
            f"{report.data_wait:.1%} of the time waiting for data"
        )
        if self._live is not None:
            self._live.update(self._task, completed=report.step, note=note)
        elif (
            time.monotonic() - self._printed >= _SECONDS_BETWEEN_LINES
            or report.step == report.steps
        ):
            self._printed = time.monotonic()
            seconds = time.monotonic() - self._started
            left = seconds / (report.step - self._first) * (report.steps - report.step)
            self._say(
                f"{report.step} of {report.steps} steps: {note}"
                + (f", {duration(left)} left" if report.step < report.steps else "")
            )

    def validated(self, step: int, measures: Mapping[str, float]) -> None:
        """Say what was measured with held-out examples."""
        self._say(f"Held out, after {step} steps: {_said(measures)}")

    def saved(self, step: int, folder: Path) -> None:
        """Nothing: that a checkpoint is there is no news."""

    def end(self) -> None:
        """Leave what is drawn."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _say(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(text, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)  # noqa: T201


def _said(measures: Mapping[str, float]) -> str:
    """The measures that there were, such as ``loss 1.234, loss text 0.567``."""
    return ", ".join(
        f"{name.replace('_', ' ')} {value:.3f}"
        for name, value in measures.items()
        # Not a number: there was nothing of it.
        if value == value  # noqa: PLR0124
    )
