"""Files of a store that are wanted on a local disk: where they lie, or fetched once a machine."""

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path

from storage.store import Store
from storage.store.local import LocalStore

_KEEP_SECONDS = 3 * 86_400.0


def local_copy(store: Store, path: str) -> Path:
    """Give the local path of an object whose content never changes.

    Raises:
        FileNotFoundError: there is no such object.
        PermissionError: the cache's folder belongs to somebody else.

    """
    if isinstance(store, LocalStore):
        return Path(store.uri) / path
    folder = machine_cache("calumma")
    cache = LocalStore(folder)
    name = hashlib.blake2b(f"{store.uri}/{path}".encode(), digest_size=16).hexdigest()
    if not cache.exists(name):
        forget_old(folder)
        cache.put(name, store.get(path))
    return folder / name


def machine_cache(name: str) -> Path:
    """The user's own folder for copies of what lies elsewhere; it is made if need be.

    Raises:
        PermissionError: it belongs to somebody else.

    """
    folder = Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(
            f"{folder} belongs to somebody else. Set TMPDIR to a folder of yours."
        )
    return folder


def forget_old(folder: Path) -> None:
    """Remove copies, files or folders, that were made or last used days ago.

    Each night's merged keys have a new name. Who has one open keeps it; who wants it again fetches
    it again.
    """
    oldest = time.time() - _KEEP_SECONDS
    for copy in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if copy.stat().st_mtime >= oldest:
                continue
            if copy.is_dir():
                # Out of the way first: nobody may find half of it.
                gone = copy.rename(copy.with_name(f"{copy.name}.{secrets.token_hex(8)}.gone"))
                shutil.rmtree(gone, ignore_errors=True)
            else:
                copy.unlink()
