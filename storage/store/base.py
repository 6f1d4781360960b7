"""What the job contract asks of a store. Everything else is built from these operations."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One stored object."""

    path: str
    size: int


class Store(Protocol):
    """An output folder. Paths are relative to it and use ``/``.

    An object appears whole or not at all, under every operation.
    """

    @property
    def uri(self) -> str:
        """Where the output is, as the user would name it."""
        ...

    @property
    def operations_at_once(self) -> int:
        """How many operations are worth having under way at the same time."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Write an object, replacing what is there."""
        ...

    def put_file(self, path: str, source: Path) -> None:
        """Write an object from a file of this machine, which may be larger than its memory."""
        ...

    def fetch(self, path: str, target: Path) -> None:
        """Copy an object into a file of this machine.

        Raises:
            FileNotFoundError: there is none.

        """
        ...

    def put_new(self, path: str, data: bytes) -> bool:
        """Write an object unless one is there; tell whether the object there is now ``data``.

        A lost reply makes one's own success look like another's, so ``data`` must hold
        something only its writer knows: True means these very bytes are what is stored.
        """
        ...

    def get(self, path: str) -> bytes:
        """Read an object whole.

        Raises:
            FileNotFoundError: there is none.

        """
        ...

    def open(self, path: str) -> BinaryIO:
        """Open an object for seeking reads.

        Raises:
            FileNotFoundError: there is none.

        """
        ...

    def exists(self, path: str) -> bool:
        """Tell whether there is an object of this name."""
        ...

    def entries(self, prefix: str) -> Iterator[Entry]:
        """List the objects below a folder, at any depth, by path; none where it is absent."""
        ...

    def folders(self, prefix: str) -> list[str]:
        """List the names of the folders directly below a folder, sorted."""
        ...

    def move(self, source: str, destination: str) -> None:
        """Move an object; done already if the source is gone and the destination there.

        Raises:
            FileNotFoundError: neither is there.

        """
        ...

    def delete(self, path: str) -> None:
        """Delete an object; fine if it is gone."""
        ...

    def delete_folder(self, prefix: str) -> None:
        """Delete all objects below a folder; fine if some are gone."""
        ...

    def now(self) -> float:
        """The store's own clock, in seconds since the epoch."""
        ...

    def modified(self, path: str) -> float:
        """When an object was written, by the store's own clock, in seconds since the epoch.

        Raises:
            FileNotFoundError: there is none.

        """
        ...
