"""What a search for duplicates found, and how it comes to count.

The record is named by the commit whose pictures it is about, and put if absent: the newest one
counts. Tables and keep-lists lie beside it, and those that it supersedes are removed, save the
keep-list before, which another job may be working with.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from schemas.errors import RunError
from storage.keep_list import forget_keep_lists
from storage.layout import DUPLICATES, duplicates_path
from storage.store import Store

TABLE = "duplicates"


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatesRecord:
    """What was found in all pictures up to a commit.

    Attributes:
        commit: its number.
        token: known only to its writer: tells a lost reply from a lost race.
        run_id: of the run that the commit is of.
        model: of the vectors; ``revision``: and its revision.
        max_difference: of signatures, up to which two pictures are near.
        min_similarity: of vectors, from which on they are.
        pictures: one for each asset.
        clusters: of two pictures or more.
        kept: pictures to keep: one of each cluster, and those that stand alone.
        left_out: the other pictures, by what they are like: bytes, pixels or near.
        files: of the table.
        keep_list: the file of what is to be kept.

    """

    commit: int
    token: str
    run_id: str
    model: str
    revision: str
    max_difference: float
    min_similarity: float
    pictures: int
    clusters: int
    kept: int
    left_out: Mapping[str, int]
    files: tuple[str, ...]
    keep_list: str


def newest_record(store: Store) -> DuplicatesRecord | None:
    """The newest record; None where no search was made.

    Raises:
        RunError: it cannot be read.

    """
    newest = max((entry.path for entry in store.entries(DUPLICATES)), default=None)
    return None if newest is None else _read(store, newest)


def read_record(store: Store, commit: int) -> DuplicatesRecord | None:
    """What was found after a commit; None if that was not looked for yet."""
    path = duplicates_path(commit)
    return _read(store, path) if store.exists(path) else None


def put_record(store: Store, record: DuplicatesRecord) -> None:
    """Let a record count, unless its commit has one, and remove what is superseded."""
    store.put_new(duplicates_path(record.commit), json.dumps(asdict(record), indent=1).encode())
    paths = sorted(entry.path for entry in store.entries(DUPLICATES))
    newest = _read(store, paths[-1])
    for path in [entry.path for entry in store.entries(TABLE)]:
        if path not in newest.files:
            store.delete(path)
    forget_keep_lists(store)


def _read(store: Store, path: str) -> DuplicatesRecord:
    try:
        fields: Mapping[str, Any] = json.loads(store.get(path))
        return DuplicatesRecord(**{**fields, "files": tuple(fields["files"])})
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{store.uri}/{path} cannot be read ({error}). The output was damaged or written by a "
            "newer version of Calumma: find the duplicates again into another folder."
        ) from error
