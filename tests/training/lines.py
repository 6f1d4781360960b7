"""A small objective and stream to train with: a line through noisy points, with dropout."""

import os
import signal
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from schemas.errors import RunError
from training.journal import StepReport
from training.loop import Loop, LoopSettings, start_process
from training.objective import Batch, Measures, Objective, measure
from training.stream import Loaded, Position


class Line(Objective):
    """Squares of what a line misses weighted points by; with dropout, so that chance counts."""

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner = nn.Linear(3, 4)
        self.dropout = nn.Dropout(dropout)
        self.outer = nn.Linear(4, 1)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.register_buffer("steps", torch.zeros(1))

    def forward(self, batch: Batch) -> Measures:
        missed = self.outer(self.dropout(self.inner(batch["points"])))[:, 0] - batch["values"]
        weights = batch["weights"]
        return {
            "loss": measure((missed**2 * weights).sum(), weights.sum()),
            "misses": measure((missed.abs() > 1).sum(), len(missed)),
        }

    def after_step(self) -> None:
        self.get_buffer("steps").add_(1)


class Points:
    """Numbered batches; number ``ends_at`` sends a signal, ``breaks_at`` cannot be read.

    Each is the batches of ``shares`` of ``processes`` together: a process has one, all of them two.
    """

    identity = "points"
    things = "points"

    def __init__(
        self,
        ends_at: int = -1,
        breaks_at: int = -1,
        shares: Sequence[int] = (0,),
        processes: int = 1,
    ) -> None:
        self._ends_at = ends_at
        self._breaks_at = breaks_at
        self._shares = shares
        self._processes = processes

    def batches(self, position: Position | None) -> Generator[Loaded]:
        number = position["number"] if position else 0
        while True:
            if number == self._ends_at:
                os.kill(os.getpid(), signal.SIGTERM)
            if number == self._breaks_at:
                raise RunError(f"batch {number} is broken")
            some = [points(number * self._processes + share) for share in self._shares]
            batch = {name: torch.cat([one[name] for one in some]) for name in some[0]}
            yield Loaded(batch=batch, position={"number": number + 1}, things=5 * len(some))
            number += 1


def points(number: int) -> Batch:
    generator = torch.Generator().manual_seed(number)
    drawn = torch.rand((5, 5), generator=generator)
    return {"points": drawn[:, :3], "values": drawn[:, 3], "weights": drawn[:, 4]}


class Silent:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.reports: list[StepReport] = []
        self.held_out: list[tuple[int, Mapping[str, float]]] = []
        self.begins: list[int] = []

    def began(self, step: int, steps: int, things: str) -> None:
        self.begins.append(step)

    def stepped(self, report: StepReport) -> None:
        self.reports.append(report)

    def validated(self, step: int, measures: Mapping[str, float]) -> None:
        self.held_out.append((step, measures))

    def saved(self, step: int, folder: Path) -> None:
        pass


SETTINGS = LoopSettings(
    steps=12, accumulation=3, learning_rate=0.05, warmup_steps=2, save_every=4, validate_every=5
)


def train(
    out: Path,
    stream: Points | None = None,
    settings: LoopSettings = SETTINGS,
    objective: Line | None = None,
    identity: Mapping[str, object] | None = None,
) -> tuple[Line, Silent]:
    accelerator: Accelerator = start_process(7)
    objective, silent = objective or Line(), Silent()

    def held_out() -> Iterator[Batch]:
        yield from map(points, range(1000, 1003))

    loop = Loop(
        objective,
        stream or Points(),
        settings,
        out,
        accelerator=accelerator,
        watcher=silent,
        identity=identity or {"learning_rate": settings.learning_rate},
        validation=held_out,
    )
    loop.run()
    return objective, silent
