"""Checkpoints changed after they were written."""

import json
import shutil
from pathlib import Path
from typing import Any

from models.source import ModelSource, resolve_model


def copy_of(folder: Path, target: Path) -> Path:
    """Copy a checkpoint."""
    return Path(shutil.copytree(folder, target / folder.name))


def edit_json(path: Path, **changes: Any) -> None:
    """Set top-level fields of a JSON file; None removes one."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def token_id(folder: Path, token: str) -> int:
    """The id of a token in a checkpoint's tokenizer."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    return int(vocabulary[token])


def with_generation(folder: Path, target: Path, **changes: Any) -> ModelSource:
    """A copy of a checkpoint whose generation config was changed."""
    copy = copy_of(folder, target)
    edit_json(copy / "generation_config.json", **changes)
    return resolve_model(str(copy))
