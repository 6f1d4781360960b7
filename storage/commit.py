"""The commit: what makes a run's rows part of the tables, exactly once.

The truth is a sequence of numbered records, each put only if its number is free. A record lists
which staged file goes where; moving the files is idempotent, and whoever comes next finishes a
move that was interrupted. No step is unrepeatable, so every step tolerates repeats: a second
launcher of the same run finds its record, one of another run finds its number taken, looks at the
newer keys, drops the rows they hold and tries the next number.
"""

import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from schemas.errors import CountMismatchError
from schemas.manifest import Counts, RunManifest
from storage.commit_keys import drop_and_reject, key_files
from storage.commit_record import CommitRecord, last_commit, read_manifest
from storage.forgotten import load_forgotten
from storage.known import load_known_keys, merge_key_files
from storage.layout import (
    FAILURES,
    SCORES,
    commit_path,
    manifest_path,
    published_path,
    run_path,
    staging_folder,
    stop_path,
)
from storage.loads import read_loads
from storage.parallel import for_each
from storage.parts import Part, SplitRecord, choose_cover, sum_counts
from storage.runs import Run
from storage.sample import stage_sample
from storage.store import Store

# Jobs of which a catalog row may give several rows.
_SEVERAL_ROWS = ("answer", "generate", "edit", "assemble")


def roll_forward(store: Store, record: CommitRecord) -> None:
    """Finish what a commit record says: move its files, write the manifest, clear the staging.

    Only the newest commit can be unfinished, because every committer finishes the one before.
    Where it replaces files, the manifest is what makes readers take the new ones: the old ones go
    after it, and that they are gone is told by the run's own object in the staging area.
    """
    run_id = record.manifest.run_id
    if store.exists(manifest_path(run_id)):
        if record.removed and store.exists(run_path(run_id)):
            _remove_replaced(store, record)
        return
    try:
        for_each(store, lambda move: store.move(*move), record.moves)
    except FileNotFoundError:
        # Somebody else finished it meanwhile, and merged its key files away.
        if store.exists(manifest_path(run_id)):
            return
        raise
    content = json.dumps(asdict(record.manifest), indent=2).encode()
    store.put(manifest_path(run_id), content)
    _remove_replaced(store, record)
    merge_key_files(store)


def _remove_replaced(store: Store, record: CommitRecord) -> None:
    for_each(store, store.delete, record.removed)
    store.delete_folder(staging_folder(record.manifest.run_id))


def roll_forward_last(store: Store) -> int:
    """Finish the newest commit if it was interrupted; give its number, 0 if there is none."""
    record = last_commit(store)
    if record is None:
        return 0
    roll_forward(store, record)
    return record.number


def commit_run(
    store: Store,
    run: Run,
    planned: Sequence[tuple[str, int, int]],
    records: Sequence[SplitRecord],
    *,
    clock: Callable[[], float] = time.time,
) -> RunManifest:
    """Make a run's rows part of the tables.

    Args:
        planned: (split id, offset, rows) of every split of the catalog.
        records: what became of the splits; repeats are fine.

    Raises:
        CountMismatchError: a row is unaccounted for; nothing is published.

    """
    while True:
        last = last_commit(store)
        if last is not None:
            roll_forward(store, last)
        finished = read_manifest(store, run.run_id)
        if finished is not None:
            store.delete_folder(staging_folder(run.run_id))
            return finished
        number = last.number + 1 if last else 1
        try:
            record = _prepare(store, run, planned, records, number, clock)
        except FileNotFoundError:
            # Another launcher of this run moved the staged files: its commit must stand.
            if not _is_committed(store, run.run_id):
                raise
            continue
        content = json.dumps(asdict(record)).encode()
        if store.put_new(commit_path(number), content):
            roll_forward(store, record)
            return record.manifest


def _is_committed(store: Store, run_id: str) -> bool:
    last = last_commit(store)
    if last is not None and last.manifest.run_id == run_id:
        return True
    return store.exists(manifest_path(run_id))


def _prepare(
    store: Store,
    run: Run,
    planned: Sequence[tuple[str, int, int]],
    records: Sequence[SplitRecord],
    number: int,
    clock: Callable[[], float],
) -> CommitRecord:
    stopped = store.exists(stop_path(run.run_id))
    parts = _cover(planned, records, stopped=stopped)
    token = secrets.token_hex(16)
    newer = (
        load_known_keys(store, after=run.base, upto=number - 1) if number - 1 > run.base else None
    )
    forgotten = load_forgotten(store, after=run.base) if newer is not None else None
    parts, keys = drop_and_reject(store, run, parts, newer, token, forgotten)
    key_moves = key_files(store, run.run_id, number, keys, token)
    del keys  # of ten million rows 170 MB
    counts = sum_counts(parts)
    _prove(run, planned, parts, counts, stopped=stopped)
    kinds: dict[str, int] = {}
    for part in parts:
        for kind, count in part.failures_by_kind.items():
            kinds[kind] = kinds.get(kind, 0) + count
    moves = [
        (part.files[content], published_path(table, run.run_id, f"{part.split_id}-{part.name}"))
        for part in parts
        for content, table in (("rows", run.table), ("scores", SCORES), ("failures", FAILURES))
        if content in part.files
    ]
    published = tuple(destination for _, destination in moves)
    moves += stage_sample(store, run.run_id, parts, token)
    moves += key_moves
    loads = read_loads(store, run.run_id)
    manifest = RunManifest(
        run_id=run.run_id,
        job=run.job,
        state="stopped" if stopped else "done",
        config=dict(run.config),
        table=run.table,
        model=run.model,
        revision=run.revision,
        versions=dict(run.versions),
        counts=counts,
        rows_left=sum(rows for _, _, rows in planned)
        - sum(part.last - part.first for part in parts),
        failures_by_kind=dict(sorted(kinds.items())),
        model_loads=loads.by_worker,
        load_seconds=loads.seconds,
        started=run.started,
        finished=clock(),
        commit=number,
        files=published,
    )
    return CommitRecord(number=number, token=token, manifest=manifest, moves=tuple(moves))


def _cover(
    planned: Sequence[tuple[str, int, int]], records: Sequence[SplitRecord], *, stopped: bool
) -> list[Part]:
    """Choose the parts of every planned split, in the catalog's order."""
    staged: dict[str, list[Part]] = {}
    for record in records:
        staged.setdefault(record.split_id, []).extend(record.parts)
    parts: list[Part] = []
    missing = 0
    for split_id, _, rows in sorted(planned, key=lambda split: split[1]):
        cover = choose_cover(staged.get(split_id, ()))
        missing += rows - (cover[-1].last if cover else 0)
        parts.extend(cover)
    if missing and not stopped:
        raise CountMismatchError(
            f"{missing} rows of the catalog are unaccounted for. Nothing was published; what is "
            "done is staged: run the same command again to go on."
        )
    return parts


def _prove(
    run: Run,
    planned: Sequence[tuple[str, int, int]],
    parts: Sequence[Part],
    counts: Counts,
    *,
    stopped: bool,
) -> None:
    """Check in = out + failed + skipped, part by part and in all.

    That a part's rows are those of the catalog was checked where they were read and written; here
    a job with one row a picture must also have as many rows as the parts' ranges say.
    """
    unbalanced = [part.name for part in parts if not part.counts.balanced]
    if unbalanced or not counts.balanced:
        raise CountMismatchError(
            f"Rows in ({counts.rows_in}) are not out ({counts.rows_out}) + failed "
            f"({counts.failed}) + skipped ({counts.skipped}). Nothing was published. "
            f"Parts that do not add up: {', '.join(unbalanced[:5]) or 'none alone'}."
        )
    covered = sum(part.last - part.first for part in parts)
    several = run.job in _SEVERAL_ROWS or run.config.get("crops", 1) != 1
    if not several and covered != counts.rows_in:
        raise CountMismatchError(
            f"{covered} rows of the catalog are covered, but {counts.rows_in} rows are counted. "
            "Nothing was published."
        )
    if not stopped and covered != sum(rows for _, _, rows in planned):
        raise CountMismatchError(f"{covered} rows are covered where others were planned.")
