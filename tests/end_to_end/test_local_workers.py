"""Worker processes of the local runner: none outlives its launcher, none dies unnoticed."""

import contextlib
from pathlib import Path

import psutil
import pytest
import torch

from tests.end_to_end.complaining import Command, wait_until

pytestmark = pytest.mark.skipif(
    torch.accelerator.is_available(), reason="on a GPU, workers are threads"
)


def begun(pictures: Path, out: Path) -> tuple[Command, list[psutil.Process]]:
    """A command of two workers, both of which have begun."""
    command = Command(pictures, out, "--workers", 2)
    found: list[psutil.Process] = []

    def both() -> bool:
        found[:] = [one for one in command.started() if is_worker(one)]
        return len(found) == 2

    wait_until(both)
    # What comes next is the model, which takes seconds to load.
    wait_until(lambda: any(out.glob("_staging/*/plan.json")))
    return command, found


def is_worker(process: psutil.Process) -> bool:
    """Whether it is one that works: the process that Beam starts waits for it."""
    with contextlib.suppress(psutil.Error):
        parent = process.parent()
        return parent is not None and all(
            "runners.local_worker" in one.cmdline() for one in (process, parent)
        )
    return False


def test_ctrl_c_ends_the_workers(pictures: Path, tmp_path: Path) -> None:
    command, _ = begun(pictures, tmp_path / "out")
    command.interrupt()
    (said,) = command.end(130)
    assert said == "Ended early. What is done is staged: run the same command again to go on."


def test_a_launcher_that_is_killed_takes_its_workers_along(pictures: Path, tmp_path: Path) -> None:
    command, _ = begun(pictures, tmp_path / "out")
    command.kill("calumma")
    assert command.end(-9) == []


def test_a_worker_that_is_killed_ends_the_run(pictures: Path, tmp_path: Path) -> None:
    command, workers = begun(pictures, tmp_path / "out")
    workers[0].kill()
    said = command.complaint(1)
    assert said.startswith("A worker process died; most often the machine was out of memory.")
    assert said.endswith("What was staged is kept: run the same command again to go on.")
