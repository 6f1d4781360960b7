"""The keys of committed rows, by how the rows ended."""

import re
from dataclasses import dataclass, field

from storage.digests import DigestFile, DigestSet, Flags, merge_digests
from storage.keys import Words
from storage.layout import KEYS, keys_path
from storage.parts import OUTCOME_NAMES
from storage.shared_files import local_copy
from storage.store import Store

_NAME = re.compile(r"/(\d+)-(\d+)-[0-9a-f]+\.(\w+)$")
_FILES_BEFORE_MERGE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKeys:
    """Keys of committed rows.

    Attributes:
        done: rows with an output.
        failed: rows with a failure that stays.
        retry: rows with a failure that may pass.
        doubled: rows rejected because another row has their id, under another version.
        superseded: rows to be done although they are among ``done``.
        forgotten: words of assets of which nothing is to be done.

    """

    done: DigestSet
    failed: DigestSet
    retry: DigestSet
    doubled: DigestSet
    superseded: DigestSet = field(default_factory=lambda: DigestSet([]))
    forgotten: DigestSet = field(default_factory=lambda: DigestSet([]))

    def to_do(self, first: Words, second: Words, *, only_failed: bool) -> Flags:
        """Tell which rows a run has to do: bool array of shape (rows,).

        An ordinary run leaves out what is done and what failed for good; ``only_failed`` takes
        what failed, for good or not, and is not done since. Neither takes doubled rows again.
        """
        done = self.done.contains(first, second)
        failed = self.failed.contains(first, second)
        if only_failed:
            return (failed | self.retry.contains(first, second)) & ~done
        known = done & ~self.superseded.contains(first, second)
        return ~(known | failed | self.doubled.contains(first, second))


def load_known_keys(store: Store, *, after: int = 0, upto: int) -> KnownKeys:
    """Load the keys of the commits ``after`` + 1 to ``upto``.

    Local files are memory-mapped; others are fetched once a machine and then memory-mapped.
    A merged file that reaches back further than asked is taken whole.
    """
    while True:
        listed = _paths(store)
        try:
            sets = [
                DigestSet(
                    [
                        _load(store, file.path)
                        for file in _outermost(_all_key_files(store, kind))
                        if after < file.last and file.first <= upto
                    ]
                )
                for kind in OUTCOME_NAMES
            ]
        except FileNotFoundError:
            continue  # merged away between listing and reading: list again
        if _paths(store) == listed:
            return KnownKeys(done=sets[0], failed=sets[1], retry=sets[2], doubled=sets[3])
        # A listing in the middle of a merge may hold neither the merged file nor those it replaces.


def _paths(store: Store) -> list[str]:
    return [entry.path for entry in store.entries(KEYS)]


def merge_key_files(store: Store) -> None:
    """Merge the key files of a kind where there are many. Safe at any moment, by anyone."""
    for kind in OUTCOME_NAMES:
        found = _all_key_files(store, kind)
        files = _outermost(found)
        if len(files) <= _FILES_BEFORE_MERGE:
            continue
        try:
            merged = merge_digests(DigestFile.parse(store.get(file.path)) for file in files)
        except FileNotFoundError:
            continue  # somebody else merges them
        content = merged.serialize()
        store.put(keys_path(files[0].first, files[-1].last, kind, content), content)
        # Also those that an earlier merge left behind when it was interrupted.
        for file in found:
            store.delete(file.path)


def key_files_without(
    store: Store, kind: str, gone: DigestFile
) -> tuple[DigestFile, list[str]] | None:
    """What is left of the keys of a kind without some.

    Returns:
        The keys, and the files that hold them; None if none of the keys is among them.

    """
    while True:
        found = _all_key_files(store, kind)
        try:
            files = [DigestFile.parse(store.get(file.path)) for file in _outermost(found)]
        except FileNotFoundError:
            continue  # merged away between listing and reading: list again
        if _all_key_files(store, kind) != found:
            continue
        if not any(file.contains(gone.first, gone.second).any() for file in files):
            return None
        keys = merge_digests(files)
        left = ~gone.contains(keys.first, keys.second)
        return DigestFile(keys.first[left], keys.second[left]), [file.path for file in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeyFile:
    path: str
    first: int
    last: int


def _all_key_files(store: Store, kind: str) -> list[_KeyFile]:
    files = []
    for entry in store.entries(KEYS):
        match = _NAME.search(entry.path)
        if match and match[3] == kind:
            files.append(_KeyFile(path=entry.path, first=int(match[1]), last=int(match[2])))
    return files


def _outermost(files: list[_KeyFile]) -> list[_KeyFile]:
    """The files by commit, without those that a merged one contains."""
    kept: list[_KeyFile] = []
    for file in sorted(files, key=lambda file: (file.first, -file.last)):
        if not kept or file.last > kept[-1].last:
            kept.append(file)
    return kept


def _load(store: Store, path: str) -> DigestFile:
    return DigestFile.map(local_copy(store, path))
