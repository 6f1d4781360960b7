"""A model that lies in a bucket: fetched when a container starts, if the image names one."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from runners.errors import RunnerError

URI_VARIABLE = "CALUMMA_MODEL_URI"
"""Names the model's folder in the bucket; the image sets it."""

FOLDER_VARIABLE = "CALUMMA_MODEL_FOLDER"
"""Where the image has its model."""


def fetch_named_model() -> None:
    """Fetch the model that the image names, if it names one and does not hold it already.

    Raises:
        RunnerError: it cannot be fetched.

    """
    uri = os.environ.get(URI_VARIABLE)
    if uri:
        folder = Path(os.environ[FOLDER_VARIABLE])
        if not (folder / "config.json").is_file():
            fetch_model(uri, folder)


def fetch_model(uri: str, folder: Path) -> None:
    """Copy the files of a model's folder; the new folder is there whole or not at all.

    Args:
        uri: of a folder that ``save_pretrained`` wrote, such as ``gs://bucket/model``.
        folder: replaced if it is there.

    Raises:
        RunnerError: there are none, or they cannot be read.

    """
    import fsspec

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        fetched = Path(scratch) / "model"
        fetched.mkdir()
        try:
            filesystem, path = fsspec.url_to_fs(uri)
            files = [found for found in filesystem.ls(path, detail=True) if found["type"] == "file"]
            for found in files:
                there = str(found["name"])
                here = fetched / there.rpartition("/")[2]
                filesystem.get_file(there, str(here))
                if here.stat().st_size != found["size"]:
                    raise RunnerError(f"{uri} changed while it was fetched: {there}.")
        except (OSError, ValueError, ImportError) as error:
            raise RunnerError(f"The model {uri} cannot be fetched: {error}.") from error
        if not any(file.suffix == ".safetensors" for file in fetched.iterdir()):
            raise RunnerError(f"{uri} holds no model: it has no *.safetensors file.")
        shutil.rmtree(folder, ignore_errors=True)
        fetched.replace(folder)


if __name__ == "__main__":
    try:
        fetch_named_model()
    except RunnerError as problem:
        sys.exit(f"calumma: {problem}")
