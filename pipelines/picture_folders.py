"""Folders that a job's pictures are written to beside its table."""

import os
from pathlib import Path

from pipelines.catalog_config import PicturesConfig
from pipelines.config import JobConfig
from pipelines.image_config import DrawConfig
from schemas.errors import UsageError
from storage.export_plan import PictureFolders
from storage.store import open_store
from storage.store.local import LocalStore
from storage.uris import absolute_uri


def picture_folders(config: JobConfig) -> PictureFolders:
    """Where a job's pictures go besides, as the workers name it.

    Raises:
        UsageError: nothing can be written there.

    """
    images = config.images if isinstance(config, PicturesConfig) else None
    webdataset = config.webdataset if isinstance(config, DrawConfig) else None
    folders = PictureFolders(
        images=_folder("--images", images), webdataset=_folder("--webdataset", webdataset)
    )
    # Shards are looked for by listing theirs, which must not list all pictures.
    shards = folders.webdataset
    if folders.images and shards and f"{folders.images}/".startswith(f"{shards}/"):
        raise UsageError(
            f"--images {images} is the folder of --webdataset, or lies in it. Name another."
        )
    return folders


def _folder(option: str, folder: str | None) -> str:
    if not folder:
        return ""
    store = open_store(absolute_uri(folder))
    if isinstance(store, LocalStore):
        _check_writable(option, Path(store.uri))
    return store.uri


def _check_writable(option: str, folder: Path) -> None:
    """Say before the work begins what would be found out after it."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise UsageError(f"{option} {folder} is a file, or lies below one. Name a folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"{option} {folder} may not be written to. Check the rights of {there}.")
