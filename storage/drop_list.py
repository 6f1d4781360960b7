"""Assets that are to be left out, wherever they would be shown: a test set, and what is like it."""

import functools
import hashlib
from dataclasses import dataclass

from schemas.errors import CalummaError, WorkerError
from storage.digests import DigestFile
from storage.duplicates.alike import read_alike
from storage.id_list import read_id_digests


@dataclass(frozen=True, slots=True, kw_only=True)
class DropList:
    """Which assets are left out. Small: what workers need to read it again.

    Attributes:
        ids: the file of their ids.
        duplicates: an output of ``calumma duplicates``: what shares a cluster with one of them is
            left out too; empty for none.
        digest: of all ids, hexadecimal.

    """

    ids: str
    duplicates: str
    digest: str


def find_drop_list(ids: str, duplicates: str = "") -> DropList:
    """Read what is to be left out.

    Raises:
        CalummaError: it is not there, or cannot be read.

    """
    return DropList(ids=ids, duplicates=duplicates, digest=_digest(_read(ids, duplicates)))


@functools.lru_cache(maxsize=2)
def open_drop_list(drop: DropList) -> DigestFile:
    """Read it where a worker is: 16 bytes an id, once a process.

    Raises:
        WorkerError: it is not there any more, or is another.

    """
    try:
        found = _read(drop.ids, drop.duplicates)
    except CalummaError as error:
        raise WorkerError(f"What is to be left out cannot be read by a worker: {error}") from error
    if _digest(found) != drop.digest:
        named = " or ".join(filter(None, (drop.ids, drop.duplicates)))
        raise WorkerError(f"{named} has changed since the run began. Run the same command again.")
    return found


def _read(ids: str, duplicates: str) -> DigestFile:
    found = read_id_digests(ids)
    return read_alike(duplicates).like(found) if duplicates else found


def _digest(found: DigestFile) -> str:
    return hashlib.blake2b(found.serialize(), digest_size=16).hexdigest()
