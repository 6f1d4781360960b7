"""Open an output by its URI."""

from pathlib import Path

from schemas.errors import UsageError
from storage.store.base import Store
from storage.store.local import LocalStore
from storage.store.objects import ObjectStore

_WRITABLE = ("s3", "gs", "gcs", "az", "abfs", "abfss", "memory")


def open_store(uri: str) -> Store:
    """Open an output folder: a local path, ``file://``, ``s3://``, ``gs://`` or ``az://``.

    Raises:
        UsageError: the scheme is not one that can be written to with exactly-once commits.

    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return LocalStore(Path(uri).absolute())
    if scheme == "file":
        return LocalStore(Path("/" + rest.lstrip("/")))
    if scheme not in _WRITABLE:
        raise UsageError(
            f"Cannot write to {scheme}://. An output is a local folder or one of "
            f"{', '.join(f'{name}://' for name in _WRITABLE[:-1])}."
        )
    from storage.filesystems import open_filesystem

    filesystem, root = open_filesystem(uri)
    return ObjectStore(filesystem, root, uri.rstrip("/"))
