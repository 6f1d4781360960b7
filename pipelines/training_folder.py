"""The folder of a training: what it may hold before, and whether all is done."""

import json
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import UsageError
from training.checkpoints import check_same
from training.finished import RECEIPT
from training.loop import CHECKPOINTS, LOGS


def check_folder(out: Path) -> None:
    """Check that a folder is new, or a training's.

    Raises:
        UsageError: it holds something else.

    """
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is a file. Name a folder for the training.")
    names = {path.name for path in out.iterdir()}
    if names and not names & {RECEIPT, CHECKPOINTS, LOGS}:
        raise UsageError(
            f"{out} holds something else ({min(names)}). Name an empty or a new folder for the "
            "training."
        )


def is_finished(out: Path, identity: Mapping[str, object]) -> bool:
    """Whether a folder holds the result of a training.

    A receipt that cannot be read says nothing: what was trained is written again from the newest
    checkpoint.

    Raises:
        UsageError: it holds that of another.

    """
    try:
        before = json.loads((out / RECEIPT).read_text(encoding="utf-8"))["identity"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    check_same(out, before, identity)
    return True
