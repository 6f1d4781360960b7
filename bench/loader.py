"""Training from documents that are streamed, against the same training on one batch in memory.

``python -m bench.loader [--rounds N]``: steps of a model of calumma-tiny's size with documents of
``bench.assemble``'s world, read from Parquet, shuffled and laid out, in turns with as many steps on
a batch that is there. Printed are the rates and the share of the time that was waited for data.

Held to: 0.95 of the rate without data, and 5 % of waiting.
"""

import argparse
import contextlib
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from pathlib import Path

from accelerate import Accelerator

from bench.assemble import write_world
from models.source import resolve_model
from pipelines.cli import run
from storage.documents import document_groups, find_documents
from training.chameleon import Shape, random_model
from training.document_stream import DocumentSet, DocumentStream, StreamSettings
from training.journal import StepReport
from training.language_model import LanguageModelObjective
from training.loop import Loop, LoopSettings
from training.stream import Loaded, Position

_DOCUMENTS = 20_000
_STEPS, _UNTIMED = 24, 8
_BATCH = 8


class _OneBatch:
    """A stream that gives its first batch again and again."""

    things = "tokens"
    identity = "one batch"

    def __init__(self, stream: DocumentStream) -> None:
        batches = stream.batches(None)
        self._batch = next(batches)
        batches.close()

    def batches(self, position: Position | None) -> Generator[Loaded]:  # noqa: ARG002
        while True:
            yield self._batch


class _Clock:
    """Notes when steps end, and what was waited."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.waits: list[float] = []

    def began(self, step: int, steps: int, things: str) -> None:
        """Nothing to note."""

    def stepped(self, report: StepReport) -> None:
        self.ends.append(time.perf_counter())
        self.waits.append(report.data_wait)

    def validated(self, step: int, measures: Mapping[str, float]) -> None:
        """Nothing to note."""

    def saved(self, step: int, folder: Path) -> None:
        """Nothing to note."""


def train(stream: DocumentStream | _OneBatch, folder: Path) -> tuple[float, float]:
    """Steps a second, and the share of the time that was waited."""
    model = random_model(resolve_model("calumma-tiny"), Shape(), seed=0)
    clock = _Clock()
    Loop(
        LanguageModelObjective(model, attend_across=False),
        stream,
        LoopSettings(steps=_STEPS, log_every=1, save_every=_STEPS),
        folder,
        accelerator=Accelerator(),
        watcher=clock,
        identity={},
    ).run()
    took = clock.ends[-1] - clock.ends[_UNTIMED]
    return (len(clock.ends) - 1 - _UNTIMED) / took, statistics.mean(clock.waits[_UNTIMED + 1 :])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    ratios, waits = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_world(folder, _DOCUMENTS)
        command = ["assemble", f"{folder}/catalog.parquet", f"{folder}/out", "--json"]
        command += ["--codes", f"{folder}/tokens", "--neighbors", f"{folder}/neighbors"]
        with contextlib.redirect_stdout(io.StringIO()):
            assert run(command) == 0
        groups = document_groups(find_documents(f"{folder}/out"))
        settings = StreamSettings(batch_size=_BATCH, seed=0, vocabulary=575, longest=512)
        stream = DocumentStream([DocumentSet(groups=groups)], settings)
        one_batch = _OneBatch(stream)
        for number in range(rounds):
            without, _ = train(one_batch, folder / f"without-{number}")
            rate, waited = train(stream, folder / f"with-{number}")
            ratios.append(rate / without)
            waits.append(waited)
            print(
                f"round {number + 1}: {rate:.2f} steps/s, on one batch {without:.2f}: "
                f"{ratios[-1]:.3f}; {waited:.2%} of the time waited for data",
                flush=True,
            )
    ratio, wait = statistics.median(ratios), statistics.median(waits)
    print(f"median: {ratio:.3f} of the rate without data, {wait:.2%} waited")
    sys.exit(0 if ratio >= 0.95 and wait <= 0.05 else 1)


if __name__ == "__main__":
    main()
