"""An output on a local or mounted disk."""

import contextlib
import errno
import io
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from schemas.errors import RunError
from storage.store.base import Entry

_TEMPORARY = ".tmp"
_COPIED_AT_ONCE = 1 << 20

# Another launcher may remove a run's folder while this one writes into it: between making the
# folder and looking whether it is there, or with the temporary file in it. A put in an object
# store succeeds then, and so does this one, by beginning again.
_begins_again = retry(
    retry=retry_if_exception_type((FileNotFoundError, FileExistsError)),
    stop=stop_after_attempt(10),
    wait=wait_random(max=0.02),
    reraise=True,
)


class LocalStore:
    """Objects are files; they appear by renaming or linking a finished temporary file."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def uri(self) -> str:
        """The folder."""
        return str(self._root)

    @property
    def operations_at_once(self) -> int:
        """One: a disk answers at once."""
        return 1

    @_begins_again
    def put(self, path: str, data: bytes) -> None:
        """Write a temporary file beside the target and rename it over the target."""
        target = self._root / path
        temporary = self._write_temporary(target, io.BytesIO(data))
        try:
            temporary.replace(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    @_begins_again
    def put_file(self, path: str, source: Path) -> None:
        """Copy to a temporary file beside the target and rename it over the target."""
        target = self._root / path
        with source.open("rb") as file:
            temporary = self._write_temporary(target, file)
        temporary.replace(target)

    def fetch(self, path: str, target: Path) -> None:
        """Copy the file."""
        shutil.copyfile(self._root / path, target)

    @_begins_again
    def put_new(self, path: str, data: bytes) -> bool:
        """Write a temporary file and link it to the target's name, which fails if it is taken."""
        target = self._root / path
        temporary = self._write_temporary(target, io.BytesIO(data))
        try:
            os.link(temporary, target)
        except FileExistsError:
            return target.read_bytes() == data
        except OSError as error:
            if error.errno in {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}:
                raise RunError(
                    f"The disk behind {self._root} has no hard links, which the commit needs. "
                    "Choose an output on a local disk or in an object store."
                ) from error
            raise
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def get(self, path: str) -> bytes:
        """Read the file."""
        return (self._root / path).read_bytes()

    def open(self, path: str) -> BinaryIO:
        """Open the file."""
        return (self._root / path).open("rb")

    def exists(self, path: str) -> bool:
        """Tell whether the file is there."""
        return (self._root / path).is_file()

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Walk the folder in sorted order."""
        try:
            with os.scandir(self._root / prefix) as scan:
                children = sorted(scan, key=lambda child: child.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for child in children:
            path = f"{prefix}/{child.name}" if prefix else child.name
            if child.is_dir(follow_symlinks=False):
                yield from self.entries(path)
            elif not child.name.endswith(_TEMPORARY):
                with contextlib.suppress(FileNotFoundError):
                    yield Entry(path=path, size=child.stat().st_size)

    def folders(self, prefix: str) -> list[str]:
        """Names of the sub-folders."""
        try:
            with os.scandir(self._root / prefix) as scan:
                return sorted(child.name for child in scan if child.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def move(self, source: str, destination: str) -> None:
        """Rename the file."""
        target = self._root / destination
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            (self._root / source).replace(target)
        except FileNotFoundError:
            if not target.exists():
                raise

    def delete(self, path: str) -> None:
        """Unlink the file."""
        (self._root / path).unlink(missing_ok=True)

    def delete_folder(self, prefix: str) -> None:
        """Remove the tree."""
        shutil.rmtree(self._root / prefix, ignore_errors=True)

    def now(self) -> float:
        """This machine's clock."""
        return time.time()

    def modified(self, path: str) -> float:
        """The file's modification time."""
        return (self._root / path).stat().st_mtime

    def _write_temporary(self, target: Path, source: BinaryIO) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f"{target.name}.{secrets.token_hex(8)}{_TEMPORARY}"
        try:
            with temporary.open("wb") as file:
                shutil.copyfileobj(source, file, _COPIED_AT_ONCE)
                file.flush()
                # A commit that outlives a power cut must not name files that did not.
                os.fsync(file.fileno())
        except OSError:
            # A full disk: do not leave the half that fitted.
            temporary.unlink(missing_ok=True)
            raise
        return temporary
