"""An output in an object store, through fsspec."""

import logging
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import fsspec
from tenacity import (
    before_sleep_log,
    retry,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from storage.parallel import for_each
from storage.store.base import Entry

_Result = TypeVar("_Result")
_FINAL = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError)

# The client libraries retry single requests; this covers what they leave: a body cut short,
# a connection lost in the middle of a multi-request operation.
_retrying = retry(
    retry=retry_if_exception(
        lambda error: isinstance(error, Exception) and not isinstance(error, _FINAL)
    ),
    stop=stop_after_attempt(6),
    wait=wait_random_exponential(multiplier=0.2, max=10),
    before_sleep=before_sleep_log(logging.getLogger(__name__), logging.DEBUG),
    reraise=True,
)


class ObjectStore:
    """Objects of one prefix of a bucket. A put is atomic there, a move is a copy and a delete."""

    def __init__(self, filesystem: fsspec.AbstractFileSystem, root: str, uri: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        self._uri = uri

    @property
    def uri(self) -> str:
        """The prefix with its scheme."""
        return self._uri

    @property
    def operations_at_once(self) -> int:
        """Sixteen: each is a request or two, of tens of milliseconds."""
        return 16

    def put(self, path: str, data: bytes) -> None:
        """Upload the object."""
        self._call(lambda: self._filesystem.pipe_file(self._full(path), data))

    def put_file(self, path: str, source: Path) -> None:
        """Upload the file, in parts where it is large."""
        self._call(lambda: self._filesystem.put_file(str(source), self._full(path)))

    def fetch(self, path: str, target: Path) -> None:
        """Download the object, and again if the body was cut short."""

        def attempt() -> None:
            full = self._full(path)
            self._filesystem.get_file(full, str(target))
            size = self._filesystem.info(full)["size"]
            if target.stat().st_size != size:
                raise OSError(f"{full}: read {target.stat().st_size} of {size} bytes")

        self._call(attempt)

    def put_new(self, path: str, data: bytes) -> bool:
        """Upload with the store's condition that nothing is there; read back whatever is refused.

        Stores word the refusal differently (FileExistsError, OSError 22), and a reply may be lost
        after success, so any error is settled by what the store now holds.
        """

        def attempt() -> bool:
            try:
                self._filesystem.pipe_file(self._full(path), data, mode="create")
            except Exception:
                try:
                    return self.get(path) == data
                except FileNotFoundError:
                    pass
                raise
            return True

        return self._call(attempt)

    def get(self, path: str) -> bytes:
        """Download the object, and again if the body was cut short."""

        def attempt() -> bytes:
            full = self._full(path)
            data = cast("bytes", self._filesystem.cat_file(full))
            size = self._filesystem.info(full)["size"]
            if len(data) != size:
                raise OSError(f"{full}: read {len(data)} of {size} bytes")
            return data

        return self._call(attempt)

    def open(self, path: str) -> BinaryIO:
        """Open the object for ranged reads, of just what is asked for.

        Clients would read on for megabytes: a column's worth of Parquet is a small part of it.
        """

        def attempt() -> Any:
            return self._filesystem.open(self._full(path), mode="rb", cache_type="none")

        return cast("BinaryIO", self._call(attempt))

    def exists(self, path: str) -> bool:
        """Ask for the object's metadata."""
        try:
            self._call(lambda: self._filesystem.info(self._full(path)))
        except FileNotFoundError:
            return False
        return True

    def entries(self, prefix: str) -> Iterator[Entry]:
        """List the prefix."""
        folder = self._full(prefix)
        try:
            found = self._call(lambda: self._filesystem.find(folder, detail=True))
        except FileNotFoundError:
            return
        for name in sorted(found):
            info = found[name]
            # Consoles leave empty objects that stand for folders.
            if info["type"] == "file" and name.startswith(f"{folder}/") and name[-1] != "/":
                yield Entry(path=name[len(self._root) + 1 :], size=int(info["size"] or 0))

    def folders(self, prefix: str) -> list[str]:
        """List the prefixes one level below."""
        folder = self._full(prefix)
        try:
            found = self._call(lambda: self._filesystem.ls(folder, detail=True))
        except FileNotFoundError:
            return []
        return sorted(
            info["name"].rstrip("/").rpartition("/")[2]
            for info in found
            if info["type"] == "directory"
        )

    def move(self, source: str, destination: str) -> None:
        """Copy the object, then delete the source."""
        try:
            self._call(
                lambda: self._filesystem.cp_file(self._full(source), self._full(destination))
            )
        except FileNotFoundError:
            if not self.exists(destination):
                raise
            return
        self.delete(source)

    def delete(self, path: str) -> None:
        """Delete the object."""
        try:
            self._call(lambda: self._filesystem.rm_file(self._full(path)))
        except FileNotFoundError:
            return

    def delete_folder(self, prefix: str) -> None:
        """Delete the objects of the prefix one by one: bulk deletes fail as a whole."""
        for_each(self, lambda entry: self.delete(entry.path), self.entries(prefix))

    def now(self) -> float:
        """Write an object and ask when the store thinks that was."""
        probe = f"_lock/probe-{secrets.token_hex(8)}"
        self.put(probe, b"clock")
        try:
            return self.modified(probe)
        finally:
            self.delete(probe)

    def modified(self, path: str) -> float:
        """The object's modification time as the store has it."""
        moment = self._call(lambda: self._filesystem.modified(self._full(path)))
        return float(moment.timestamp())

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _call(self, operation: Callable[[], _Result]) -> _Result:
        def attempt() -> _Result:
            # Another process writes the same prefix: a cached listing would hide its work.
            cast("Any", self._filesystem).invalidate_cache()
            return operation()

        try:
            return _retrying(attempt)()
        except OSError:
            raise
        except Exception as error:
            # Clients have exceptions of their own: botocore's for an endpoint that is away is none.
            raise OSError(f"{type(error).__name__}: {error}") from error
