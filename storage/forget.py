"""Forgetting assets: their rows, failures and thumbnails go, and no job makes them anew."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.asset import normal_license
from schemas.errors import OutputBusyError, UsageError
from schemas.manifest import Counts, RunManifest
from storage.care import begin_care, commit_care, end_care, stage_thumbnails, without
from storage.digests import DigestFile, Flags, merge_digests, sorted_digests
from storage.duplicates.record import TABLE as DUPLICATES
from storage.duplicates.record import newest_record
from storage.forgotten import NAMING, load_forgotten, shows_forgotten
from storage.latest import IDENTITY, read_history, table_files
from storage.layout import FAILURES, forgotten_path, staging_folder
from storage.replaced import FORGET, run_of
from storage.rewriting import OldFile, Rewritten
from storage.runs import Run
from storage.store import Store
from storage.verdict_columns import key_words

PAGE = "report.html"
_TRIES = 5
_EMPTY = DigestFile(np.empty(0, np.uint64), np.empty(0, np.uint64))


def forget(
    store: Store,
    assets: DigestFile,
    said: Mapping[str, object],
    *,
    clock: Callable[[], float] = time.time,
) -> RunManifest | None:
    """Forget assets, as one commit.

    A rerun after a death finishes what was committed, or begins again. A run in flight that has
    done rows of them drops those when it commits.

    Args:
        assets: the words of their ids.
        said: what was asked, for the receipt.

    Returns:
        The receipt; None if there was nothing left to forget.

    Raises:
        OutputBusyError: other commits came in between, again and again.

    """
    for _ in range(_TRIES):
        run = begin_care(store, FORGET, said, clock)
        files = [file for file in _files(store, assets) if not file.keep.all()]
        known = load_forgotten(store)
        if not files and known.contains(assets.first, assets.second).all():
            end_care(store, run)
            return None
        manifest = _commit(store, run, assets, files, clock)
        if manifest is not None:
            # Written from rows that are gone.
            store.delete(PAGE)
            return manifest
        end_care(store, run)
    raise OutputBusyError(
        f"Other runs committed to {store.uri} at the same time, {_TRIES} times. Nothing was "
        "forgotten; run the command again when no run is in flight."
    )


def _commit(
    store: Store,
    run: Run,
    assets: DigestFile,
    files: Sequence[OldFile],
    clock: Callable[[], float],
) -> RunManifest | None:
    rewritten = Rewritten()
    told: dict[str, int] = {}
    rows = _Gone(), _Gone()
    for file in files:
        rewritten.write(store, run, [file])
        told[file.table] = told.get(file.table, 0) + int((~file.keep).sum())
        if file.table != DUPLICATES:
            rows[file.of_failures].add(store, file)
    gone_rows, gone_failures = (some.keys() for some in rows)
    gone = merge_digests([gone_rows, gone_failures])
    runs = [one.run_id for one in read_history(store).runs]
    thumbnails = stage_thumbnails(store, run, runs, gone, assets)
    content = assets.serialize()
    staged = f"{staging_folder(run.run_id)}/forgotten.ids"
    store.put(staged, content)
    path = forgotten_path(run.base + 1, content)
    total = sum(len(file.keep) for file in files)
    kept = sum(int(file.keep.sum()) for file in files)
    return commit_care(
        store,
        run,
        replaced=rewritten.replaced,
        moves=[*rewritten.moves, *thumbnails, (staged, path)],
        gone_rows=gone_rows,
        gone_failures=gone_failures,
        counts=Counts(rows_in=total, rows_out=kept, skipped=total - kept),
        config={
            **run.config,
            "assets": len(assets),
            "list": path,
            "rows": told,
            "thumbnail_files": len(thumbnails),
        },
        clock=clock,
    )


class _Gone:
    """The keys of rows that go, and of those beside them that stay."""

    def __init__(self) -> None:
        self._gone, self._left = [_EMPTY], [_EMPTY]

    def add(self, store: Store, file: OldFile) -> None:
        with store.open(file.path) as opened:
            words = key_words(pq.ParquetFile(opened).read(columns=["key"])["key"])
        for keep, found in ((~file.keep, self._gone), (file.keep, self._left)):
            found.append(sorted_digests(words[keep, 0], words[keep, 1]))

    def keys(self) -> DigestFile:
        return without(merge_digests(self._gone), merge_digests(self._left))


def _files(store: Store, assets: DigestFile) -> list[OldFile]:
    """All files of rows and failures, and what of each stays."""
    found = []
    sizes = {
        entry.path: entry.size for table in (*IDENTITY, FAILURES) for entry in store.entries(table)
    }
    for run, path in _paths(store):
        with store.open(path) as file:
            opened = pq.ParquetFile(file)
            columns = [name for name in NAMING if name in opened.schema_arrow.names]
            if not columns:
                continue  # scores, which are of all rows together
            flags = [
                ~shows_forgotten(pa.Table.from_batches([batch]), assets)
                for batch in opened.iter_batches(columns=columns)
            ]
        keep: Flags = np.concatenate([np.empty(0, bool), *flags])
        found.append(OldFile(path=path, size=sizes.get(path, 0), run=run, keep=keep))
    return found


def _paths(store: Store) -> list[tuple[RunManifest, str]]:
    history = read_history(store)
    tables = [name for name in IDENTITY if name != DUPLICATES]
    found = [one for name in (*tables, FAILURES) for one in table_files(history.runs, name)]
    record = newest_record(store)
    if record is not None:
        runs = {one.run_id: one for one in history.runs}
        found += [(runs[run_of(path)], path) for path in history.replacements.resolve(record.files)]
    return found


def licensed_ids(store: Store, name: str) -> list[str]:
    """The assets of which a row says that they have a licence; its case and blanks do not count.

    Raises:
        UsageError: there is none.

    """
    wanted = normal_license(name)
    found: set[str] = set()
    for _, path in _paths(store):
        with store.open(path) as file:
            opened = pq.ParquetFile(file)
            names = set(opened.schema_arrow.names)
            if names.isdisjoint({"license", "segments"}):
                continue
            columns = [one for one in ("asset_id", "license", "segments") if one in names]
            for batch in opened.iter_batches(columns=columns):
                found |= _ids_of(pa.Table.from_batches([batch]), wanted)
    if not found:
        raise UsageError(
            f"No row of {store.uri} is of the licence {name!r}. Captions, answers and neighbours "
            "tell no licence: name the assets with --ids FILE."
        )
    return sorted(found)


def _ids_of(rows: pa.Table, wanted: str) -> set[str]:
    pairs = []
    if "license" in rows.column_names:
        pairs.append((rows["asset_id"].to_pylist(), rows["license"].to_pylist()))
    if "segments" in rows.column_names:
        segments = pc.list_flatten(rows["segments"].combine_chunks())
        fields = [pc.struct_field(segments, one).to_pylist() for one in ("asset_id", "license")]
        pairs.append((fields[0], fields[1]))
    return {
        name
        for ids, licenses in pairs
        for name, license_name in zip(ids, licenses, strict=True)
        if name and normal_license(str(license_name)) == wanted
    }
