"""Adding up what batches measured, without asking the device before it is wanted."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from training.journal import StepReport
from training.objective import Measures


class MeasureTally:
    """Sums of measures, and of time, since the last report."""

    def __init__(self, accelerator: Any) -> None:
        self._accelerator = accelerator
        self._restart()

    def _restart(self) -> None:
        self._sums: Measures = {}
        self._waited = 0.0
        self._things = 0
        self._started = time.perf_counter()

    def waited(self, seconds: float, things: int) -> None:
        """Count what was loaded, and how long it was waited for."""
        self._waited += seconds
        self._things += things

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out the time in which something else is done."""
        before = time.perf_counter()
        yield
        self._started += time.perf_counter() - before

    def add(self, measures: Measures) -> None:
        """Add a batch's measures."""
        for name, measure in measures.items():
            before = self._sums.get(name)
            self._sums[name] = measure.detach() if before is None else before + measure.detach()

    def means(self) -> dict[str, float]:
        """Of each measure, the sum over all processes divided by the weight; NaN where that is 0.

        Every process must ask, with the same measures.
        """
        if not self._sums:
            return {}
        names = sorted(self._sums)
        sums = self._accelerator.reduce(torch.stack([self._sums[name] for name in names]), "sum")
        return dict(zip(names, (sums[:, 0] / sums[:, 1]).tolist(), strict=True))

    def report(self, step: int, steps: int, rate: float, norm: torch.Tensor) -> StepReport:
        """What was since the last report; begins anew."""
        means = self.means()
        things = torch.tensor(self._things, device=self._accelerator.device)
        seconds = time.perf_counter() - self._started
        report = StepReport(
            step=step,
            steps=steps,
            measures=means,
            learning_rate=rate,
            gradient_norm=float(norm),
            things_per_second=int(self._accelerator.reduce(things, "sum")) / seconds,
            data_wait=self._waited / seconds,
        )
        self._restart()
        return report
