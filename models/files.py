"""A model's files, wherever they lie. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path

from models.source import ModelSource


def model_folder(source: ModelSource, *, weights: bool) -> Path:
    """The folder of this machine that holds a model; a hub model is fetched if need be.

    Args:
        weights: whether the weights must be there, or only what describes the model.

    Raises:
        ModelError: it cannot be fetched.
    """
    if source.folder is not None:
        return source.folder
    # Imported only here: the hub's client takes a while to import.
    from models.hub import hub_folder

    return hub_folder(source.location, source.revision, weights=weights)


def model_file(source: ModelSource, name: str) -> Path | None:
    """One file of a model that describes it; None if the model has no such file.

    Args:
        name: a file in the model's top folder.

    Raises:
        ModelError: the model cannot be fetched.
    """
    path = model_folder(source, weights=False) / name
    return path if path.is_file() else None


def some_weights(source: ModelSource, patterns: Sequence[str]) -> Path:
    """The folder of this machine that holds some of a model's weights; see :func:`model_folder`.

    Args:
        patterns: of the files' names; there may be no such file.

    Raises:
        ModelError: the model cannot be fetched.
    """
    if source.folder is not None:
        return source.folder
    # Imported only here: the hub's client takes a while to import.
    from models.hub import hub_files

    return hub_files(source.location, source.revision, patterns)
