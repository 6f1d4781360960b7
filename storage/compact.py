"""Compaction: small files into large ones, and of each asset the latest row.

What a run wrote stays in its own files while it is the newest of its job, so that the morning's
page and the comparison with earlier runs have it as it was.
"""

import time
from collections.abc import Callable, Iterable, Sequence

from schemas.errors import OutputBusyError
from schemas.manifest import Counts, RunManifest
from storage.care import begin_care, commit_care, end_care, stage_thumbnails, without
from storage.compacted_table import CompactedTable
from storage.digests import merge_digests
from storage.latest import IDENTITY, read_history
from storage.replaced import COMPACT
from storage.rewriting import OldFile, Rewritten
from storage.runs import Run
from storage.store import Store

BYTES_PER_FILE = 128 << 20
_TRIES = 5


def compact(
    store: Store,
    *,
    bytes_per_file: int = BYTES_PER_FILE,
    clock: Callable[[], float] = time.time,
) -> RunManifest | None:
    """Compact an output's tables, as one commit.

    A rerun after a death finishes what was committed, or begins again. Beside a run in flight it
    is safe: whichever commits second takes the other into account.

    Args:
        bytes_per_file: files below half of this are merged until they are of this size.

    Returns:
        The manifest, whose configuration says what became of each table; None if there was
        nothing to do.

    Raises:
        OutputBusyError: other commits came in between, again and again.

    """
    for _ in range(_TRIES):
        run = begin_care(store, COMPACT, {}, clock)
        tables = [CompactedTable(store, *some) for some in _tables(store)]
        merges = [(table, merge) for table in tables for merge in table.merges(bytes_per_file)]
        if not merges:
            end_care(store, run)
            return None
        rewritten = Rewritten()
        for _, merge in merges:
            rewritten.write(store, run, merge)
        manifest = _commit(store, run, tables, merges, rewritten, clock)
        if manifest is not None:
            return manifest
        end_care(store, run)
    raise OutputBusyError(
        f"Other runs committed to {store.uri} while it was compacted, {_TRIES} times. Nothing was "
        "changed; compact it when no run is in flight."
    )


def _tables(store: Store) -> Iterable[tuple[str, list[RunManifest]]]:
    runs = read_history(store).runs
    for name in IDENTITY:
        of_table = [one for one in runs if one.table == name]
        if of_table:
            yield name, of_table


def _commit(
    store: Store,
    run: Run,
    tables: Sequence[CompactedTable],
    merges: Sequence[tuple[CompactedTable, list[OldFile]]],
    rewritten: Rewritten,
    clock: Callable[[], float],
) -> RunManifest | None:
    gone_rows = merge_digests(table.gone(failures=False) for table in tables)
    gone_failures = merge_digests(table.gone(failures=True) for table in tables)
    touched = dict.fromkeys(file.run.run_id for _, merge in merges for file in merge)
    # A row that failed once and was mended has its key still.
    left = merge_digests(table.left() for table in tables)
    gone = without(merge_digests([gone_rows, gone_failures]), left)
    thumbnails = stage_thumbnails(store, run, touched, gone)
    told: dict[str, dict[str, int]] = {}
    rows_in = rows_out = 0
    for (table, merge), replaced in zip(merges, rewritten.replaced, strict=True):
        name = f"{table.name}, failures" if merge[0].of_failures else table.name
        about = told.setdefault(name, {"files": 0, "into": 0, "rows": 0, "left_out": 0})
        before = sum(len(file.keep) for file in merge)
        kept = sum(int(file.keep.sum()) for file in merge)
        about["files"] += len(merge)
        about["into"] += len(replaced.new)
        about["rows"] += before
        about["left_out"] += before - kept
        rows_in += before
        rows_out += kept
    return commit_care(
        store,
        run,
        replaced=rewritten.replaced,
        moves=[*rewritten.moves, *thumbnails],
        gone_rows=gone_rows,
        gone_failures=gone_failures,
        counts=Counts(rows_in=rows_in, rows_out=rows_out, skipped=rows_in - rows_out),
        config={"tables": told},
        clock=clock,
    )
