"""Files of a store that are wanted on a local disk: where they lie, or fetched once a machine."""

import hashlib
import os
import tempfile
from pathlib import Path

from storage.store import Store
from storage.store.local import LocalStore


def local_copy(store: Store, path: str) -> Path:
    """Give the local path of an object whose content never changes.

    Raises:
        FileNotFoundError: there is no such object.
        PermissionError: the cache's folder belongs to somebody else.

    """
    if isinstance(store, LocalStore):
        return Path(store.uri) / path
    folder = Path(tempfile.gettempdir()) / f"calumma-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(
            f"{folder} belongs to somebody else. Set TMPDIR to a folder of yours."
        )
    cache = LocalStore(folder)
    name = hashlib.blake2b(f"{store.uri}/{path}".encode(), digest_size=16).hexdigest()
    if not cache.exists(name):
        cache.put(name, store.get(path))
    return folder / name
