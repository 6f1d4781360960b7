"""Writing what a training ends with: a checkpoint that jobs load."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import SafetensorError

from schemas.errors import RunError

RECEIPT = "training.json"
"""Written last; ``identity`` in it is the training's."""


def write_finished(out: Path, write: Callable[[Path], None], receipt: Mapping[str, object]) -> None:
    """Write a model into the folder of its training.

    Files and folders appear in it when all of them are written, the receipt last.

    Args:
        out: folder of the training.
        write: writes the model's files into a folder.
        receipt: written to ``training.json``, as JSON has it.

    Raises:
        RunError: they cannot be written.

    """
    partial = out / ".export.partial"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write(partial)
        (partial / RECEIPT).write_text(json.dumps(receipt, indent=2) + "\n", encoding="utf-8")
        for path in sorted(partial.iterdir(), key=lambda path: path.name == RECEIPT):
            target = out / path.name
            # A folder takes the place of an empty one only.
            if target.is_dir():
                shutil.rmtree(target)
            path.replace(target)
        partial.rmdir()
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise RunError(
            f"The model cannot be written into {out}: {error}. The last checkpoint is whole: make "
            "room on the disk, and run the same command again."
        ) from error
