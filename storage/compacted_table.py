"""What of a table stays at a compaction, with the failures of its runs, and what is merged."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.failure import FailureKind
from schemas.manifest import RunManifest
from storage.care import without
from storage.committed import not_whole
from storage.digests import DigestFile, Flags, sorted_digests
from storage.kept_rows import schema_of
from storage.keys import Words
from storage.latest import table_files
from storage.layout import FAILURES
from storage.parallel import for_each
from storage.rewriting import OldFile
from storage.store import Store
from storage.superseded import last_of_each, superseded_rows
from storage.verdict_columns import key_words

# Knobs of a run that make no other rows.
_SAME_ROWS = frozenset(
    {
        "allow_private_addresses",
        "batch_size",
        "catalog",
        "decode_helpers",
        "device",
        "fetch_seconds",
        "fetch_threads",
        "images",
        "index_version",
        "keep",
        "limit",
        "max_failure_rate",
        "max_picture_bytes",
        "max_picture_pixels",
        "max_picture_seconds",
        "only_failed",
        "out",
        "pictures",
        "runner",
        "webdataset",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Keys:
    """The keys of a file's rows as words, and what of failures counts besides."""

    words: Words
    doubled: Flags


class CompactedTable:
    """A table with the failures of its runs: what stays of it, and what is to be merged.

    Args:
        name: of the table.
        runs: that wrote rows of it or failed to.

    """

    def __init__(self, store: Store, name: str, runs: Sequence[RunManifest]) -> None:
        self.name = name
        self._store = store
        rows, failures = table_files(runs, name), table_files(runs, FAILURES)
        sizes = {
            entry.path: entry.size for part in (name, FAILURES) for entry in store.entries(part)
        }
        missing = [path for _, path in rows + failures if path not in sizes]
        if missing:
            raise not_whole(store.uri, missing)
        superseded = superseded_rows(store, name, [path for _, path in rows])
        self._row_keys = for_each(store, self._read_keys, [path for _, path in rows])
        self._failure_keys = for_each(store, self._read_keys, [path for _, path in failures])
        kept = _kept_failures(rows, self._row_keys, failures, self._failure_keys)
        self._newest = {run.job: run.run_id for run, _ in sorted(rows + failures, key=_commit_of)}
        self._files = [
            # The failures of a job's newest run stay: of its rows the latest are told anyway.
            OldFile(
                path=path,
                size=sizes[path],
                run=run,
                keep=np.ones(len(keep), bool) if self._is_newest(run) and is_failure else keep,
            )
            for (run, path), keep, is_failure in (
                *((one, ~flags, False) for one, flags in zip(rows, superseded, strict=True)),
                *((one, flags, True) for one, flags in zip(failures, kept, strict=True)),
            )
        ]

    def merges(self, bytes_per_file: int) -> list[list[OldFile]]:
        """Files to be written as one each, in the order of their commits."""
        groups: dict[str, list[OldFile]] = {}
        found: list[list[OldFile]] = []
        for file in self._files:
            is_whole = bool(file.keep.all())
            if self._is_newest(file.run):
                found += [] if is_whole else [[file]]
            elif not is_whole or file.size < bytes_per_file // 2:
                groups.setdefault(self._likeness(file), []).append(file)
        for group in groups.values():
            found += [
                merge
                for merge in _cut(group, bytes_per_file)
                if len(merge) > 1 or not merge[0].keep.all()
            ]
        return found

    def _is_newest(self, run: RunManifest) -> bool:
        return self._newest[run.job] == run.run_id

    def gone(self, *, failures: bool) -> DigestFile:
        """The keys that no row, or no failure, will have any more."""
        keys = self._failure_keys if failures else self._row_keys
        files = [file for file in self._files if file.of_failures == failures]
        gone, left = _digests(keys, files, gone=True), _digests(keys, files, gone=False)
        return without(gone, left)

    def left(self) -> DigestFile:
        """The keys of the rows and failures that stay."""
        return _digests([*self._row_keys, *self._failure_keys], self._files, gone=False)

    def _read_keys(self, path: str) -> _Keys:
        with self._store.open(path) as file:
            opened = pq.ParquetFile(file)
            is_failures = path.startswith(f"{FAILURES}/")
            table = opened.read(columns=["key", "kind"] if is_failures else ["key"])
        doubled = np.zeros(len(table), bool)
        if is_failures:
            kinds = table["kind"].to_pylist()
            doubled = np.array([kind == FailureKind.DUPLICATE_ID.value for kind in kinds], bool)
        return _Keys(words=key_words(table["key"]), doubled=doubled)

    def _likeness(self, file: OldFile) -> str:
        """What files have in common that may be merged: how they were made, and their columns."""
        run = file.run
        config = {name: value for name, value in run.config.items() if name not in _SAME_ROWS}
        schema = schema_of(self._store, file.path)
        version = (schema.metadata or {}).get(b"calumma.schema_version", b"").decode()
        made = [file.table, run.job, run.model, run.revision, config, version]
        return json.dumps([*made, str(schema.remove_metadata())], sort_keys=True, default=str)


def _digests(keys: Sequence[_Keys], files: Sequence[OldFile], *, gone: bool) -> DigestFile:
    """The keys of the rows of some files that go, or that stay."""
    words = np.concatenate([np.empty((0, 2), np.uint64), *(one.words for one in keys)])
    keep = np.concatenate([np.empty(0, bool), *(file.keep for file in files)])
    chosen = words[keep != gone]
    return sorted_digests(chosen[:, 0], chosen[:, 1])


def _commit_of(one: tuple[RunManifest, str]) -> int:
    return one[0].commit


def _kept_failures(
    rows: Sequence[tuple[RunManifest, str]],
    row_keys: Sequence[_Keys],
    failures: Sequence[tuple[RunManifest, str]],
    failure_keys: Sequence[_Keys],
) -> list[Flags]:
    """Which failures stay: of each row's the latest, unless a later run has mended it.

    Versions of one row share their keys' first words. Rejected for its id, a row is one by itself:
    of those the latest of each key stays.
    """
    sizes = [len(one.words) for one in failure_keys]
    words = np.concatenate([np.empty((0, 2), np.uint64), *(one.words for one in failure_keys)])
    doubled = np.concatenate([np.empty(0, bool), *(one.doubled for one in failure_keys)])
    commits = np.repeat([run.commit for run, _ in failures], sizes).astype(np.int64)
    second = np.where(doubled, words[:, 1], 0)
    keep = last_of_each(words[:, 0], second + doubled.astype(np.uint64))
    names = np.unique(words[:, 0])
    latest = np.zeros(len(names), np.int64)
    for (run, _), keys in zip(rows, row_keys, strict=True):
        at = _places(names, keys.words[:, 0])
        latest[at] = np.maximum(latest[at], run.commit)
    if len(names):
        keep &= doubled | (latest[np.searchsorted(names, words[:, 0])] <= commits)
    ends = np.cumsum([0, *sizes])
    return [keep[start : start + size] for start, size in zip(ends, sizes, strict=False)]


def _places(names: Words, words: Words) -> NDArray[np.intp]:
    """Where some words are among sorted ones, of those that are."""
    if not len(names):
        return np.empty(0, np.intp)
    at = np.minimum(np.searchsorted(names, words), len(names) - 1)
    found: NDArray[np.intp] = at[names[at] == words]
    return found


def _cut(files: Sequence[OldFile], bytes_per_file: int) -> list[list[OldFile]]:
    """Cut files into runs of about a size; never within one, for its rows may belong together."""
    found: list[list[OldFile]] = [[]]
    size = 0
    for file in files:
        if size >= bytes_per_file:
            found.append([])
            size = 0
        found[-1].append(file)
        size += file.size
    return [some for some in found if some]
