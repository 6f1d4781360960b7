"""Single files of a model, wherever it lies. Imports no torch."""

from pathlib import Path

from models.source import ModelSource


def model_file(source: ModelSource, name: str) -> Path | None:
    """Where one file of a model lies on this machine; None if the model has no such file.

    Args:
        name: a file in the model's top folder; of a hub model it is fetched if need be.

    Raises:
        ModelError: the hub cannot be reached, and its cache does not have the file.

    """
    if not source.is_folder:
        # Imported only here: the hub's client takes a while to import.
        from models.hub import hub_file

        return hub_file(source.location, source.revision, name)
    path = Path(source.location) / name
    return path if path.is_file() else None
