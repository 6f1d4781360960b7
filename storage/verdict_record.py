"""What a filter judged, and how it comes to count.

The record is named by the commit whose verdicts it is about, and put if absent: the newest one
counts. It names a keep-list, and the keys of verdicts that others have replaced.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from schemas.errors import RunError
from storage.digests import DigestFile, DigestSet
from storage.keep_list import forget_keep_lists
from storage.layout import FILTERS, SUPERSEDED, filter_path
from storage.shared_files import local_copy
from storage.store import Store

TABLE = "verdicts"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRecord:
    """What is kept of all that the newest rules judged, up to a commit.

    Attributes:
        commit: its number.
        run_id: of the run that the commit is of.
        digest: of the rules, as in the table's column ``rules``.
        model: of the scores, empty without; ``revision``: and its revision.
        judged: assets that the rules have judged, by their newest verdicts.
        kept: assets that broke none.
        broken: how many assets broke a rule, by its name; one may break several.
        not_judged: how many assets a rule was not asked of, for a cheaper one was broken.
        scores: how many assets have a CLIP score from each hundredth to the next, by the lower one.
        files: parts of the table that hold these rules' verdicts, in the order of their commits.
        keep_list: the file of what is to be kept.
        superseded: the file of the keys of verdicts, by these rules or others, that a newer one
            of the same asset replaces.

    """

    commit: int
    run_id: str
    digest: str
    model: str
    revision: str
    judged: int
    kept: int
    broken: Mapping[str, int]
    not_judged: Mapping[str, int]
    scores: Mapping[str, int]
    files: tuple[str, ...]
    keep_list: str
    superseded: str


def newest_verdicts(store: Store) -> VerdictRecord | None:
    """The newest record; None where nothing was judged.

    Raises:
        RunError: it cannot be read.

    """
    newest = max((entry.path for entry in store.entries(FILTERS)), default=None)
    return None if newest is None else _read(store, newest)


def read_verdicts(store: Store, commit: int) -> VerdictRecord | None:
    """What was kept after a commit; None if that was not listed yet."""
    path = filter_path(commit)
    return _read(store, path) if store.exists(path) else None


def put_verdicts(store: Store, record: VerdictRecord) -> None:
    """Let a record count, unless its commit has one, and remove what is superseded."""
    store.put_new(filter_path(record.commit), json.dumps(asdict(record), indent=1).encode())
    records = sorted(entry.path for entry in store.entries(FILTERS))
    wanted = {_read(store, path).superseded for path in records[-2:]}
    for path in [entry.path for entry in store.entries(SUPERSEDED)]:
        if path not in wanted:
            store.delete(path)
    forget_keep_lists(store)


def load_superseded(store: Store, *, upto: int) -> DigestSet:
    """The keys of verdicts that others have replaced, as of the newest record up to a commit."""
    records = [entry.path for entry in store.entries(FILTERS)]
    newest = max((path for path in records if path <= filter_path(upto)), default=None)
    if newest is None:
        return DigestSet([])
    return DigestSet([superseded_keys(store, _read(store, newest))])


def superseded_keys(store: Store, record: VerdictRecord) -> DigestFile:
    """The keys of verdicts that others have replaced, as of a record."""
    return DigestFile.map(local_copy(store, record.superseded))


def _read(store: Store, path: str) -> VerdictRecord:
    try:
        fields: Mapping[str, Any] = json.loads(store.get(path))
        return VerdictRecord(**{**fields, "files": tuple(fields["files"])})
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{store.uri}/{path} cannot be read ({error}). The output was damaged or written by a "
            "newer version of Calumma: filter the catalog again into another folder."
        ) from error
