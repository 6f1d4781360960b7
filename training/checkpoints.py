"""Checkpoints of a training: safetensors and JSON in a folder that appears whole or not at all.

::

    FOLDER/step-00001000/model.safetensors       what training changes
                        /optimizer.safetensors   moments, by their parameter's name
                        /random-<rank>.safetensors  states of the random number generators
                        /state.json              step, place in the data, settings
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from schemas.errors import RunError, UsageError

Tensors = Mapping[str, torch.Tensor]

DATA = "data"
"""Of what determines what is learnt, the name of the digest of the data."""

_KEPT = 2
_STATE = "state.json"
_NAME = "step-{:08d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint that is there.

    Attributes:
        step: steps done.
        state: what its state.json holds.

    """

    folder: Path
    step: int
    state: Mapping[str, Any]

    def tensors(self, name: str) -> dict[str, torch.Tensor]:
        """Read one of its files into memory.

        Raises:
            RunError: it is missing or damaged.

        """
        path = self.folder / f"{name}.safetensors"
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise RunError(
                f"{path} cannot be read: {error}. Delete {self.folder} to go on from the "
                "checkpoint before it, if there is one, or from the beginning."
            ) from error


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Find the newest checkpoint; None where there is none.

    Raises:
        RunError: its state cannot be read.

    """
    found = _all(folder)
    if not found:
        return None
    newest = found[-1]
    try:
        state = json.loads((newest / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(
            f"{newest / _STATE} cannot be read: {error}. Delete {newest} to go on from the "
            "checkpoint before it, if there is one, or from the beginning."
        ) from error
    return Checkpoint(folder=newest, step=state["step"], state=state)


class CheckpointWriter:
    """Writes one checkpoint, in the order: begin, each process's own, finish; or discard.

    The folder has another name until it is whole, and older ones are removed only then.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._folder = folder
        self._step = step
        self._target = folder / _NAME.format(step)
        self._partial = folder / f".{self._target.name}.partial"

    def begin(self) -> None:
        """Make an empty folder; what ended processes left unfinished goes.

        Raises:
            RunError: it cannot be made, for example because the disk is full.

        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for left in self._folder.glob(".step-*.partial"):
                shutil.rmtree(left)
            self._partial.mkdir()
        except OSError as error:
            raise self._failed(error) from error

    def put(self, name: str, tensors: Tensors) -> None:
        """Write tensors; they may lie on any device.

        Raises:
            RunError: they cannot be written, for example because the disk is full.

        """
        path = self._partial / f"{name}.safetensors"
        try:
            save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, path)
            _sync(path)
        except (OSError, SafetensorError) as error:
            raise self._failed(error) from error

    def finish(self, state: Mapping[str, object]) -> None:
        """Write what else there is to know, give the folder its name, and keep the newest two.

        Raises:
            RunError: it cannot be written, for example because the disk is full.

        """
        path = self._partial / _STATE
        try:
            path.write_text(json.dumps({"step": self._step} | dict(state)), encoding="utf-8")
            _sync(path)
            if self._target.exists():
                shutil.rmtree(self._target)
            self._partial.rename(self._target)
            _sync(self._folder)
        except OSError as error:
            raise self._failed(error) from error
        for old in _all(self._folder)[:-_KEPT]:
            shutil.rmtree(old)

    def discard(self) -> None:
        """Remove what was written, when no process writes any more."""
        shutil.rmtree(self._partial, ignore_errors=True)

    def _failed(self, error: Exception) -> RunError:
        before = _all(self._folder)
        kept = (
            f"The checkpoint of step {_step_of(before[-1])} is whole"
            if before
            else "There is no earlier one"
        )
        return RunError(
            f"The checkpoint of step {self._step} cannot be written into {self._folder}: {error}. "
            f"{kept}: make room on the disk, and run the same command again to go on."
        )


def check_same(out: Path, before: Mapping[str, object], identity: Mapping[str, object]) -> None:
    """Check that what a folder holds is of the training that is asked for.

    Args:
        before: all that determined what was learnt; ``identity``: what does now, as JSON has it.

    Raises:
        UsageError: something else was to be learnt.

    """
    now = json.loads(json.dumps(identity))
    # Data last: its digest may differ because a setting does, and that says more.
    for name in sorted({*before, *now}, key=lambda name: (name == DATA, name)):
        if before.get(name) == now.get(name):
            continue
        if name == DATA:
            raise UsageError(
                f"{out} holds a training on other documents or pictures than there are now: others "
                "are named, or files were added or changed, for instance by a newer commit. Put "
                "them back to go on with that one, or name another `out` to train on these."
            )
        raise UsageError(
            f"{out} holds a training with {name} = {json.dumps(before.get(name))}, not "
            f"{json.dumps(now.get(name))}. Set it back to go on with that one, or name another "
            "folder for a new one."
        )


def _all(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"))


def _step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _sync(path: Path) -> None:
    """Have the disk hold what was written, so that a name never stands for less."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
