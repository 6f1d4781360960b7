"""The commits that write files of the tables anew: begun, fenced, and made to count at once.

Like a run's commit it is a numbered record, put if its number is free. Unlike a run's it may take
no number but the one behind the commit that it began after: what it writes anew is what that
commit left. So of a care whose number is taken it is certain that it will never count, and anybody
may clear away what it has staged.
"""

import io
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.manifest import Counts, Replacement, RunManifest
from storage.commit import roll_forward, roll_forward_last
from storage.commit_record import CommitRecord
from storage.digests import DigestFile
from storage.known import key_files_without
from storage.layout import (
    STAGING,
    THUMBNAILS,
    commit_path,
    keys_path,
    staging_folder,
    thumbnails_path,
)
from storage.parts import DONE, OUTCOME_NAMES
from storage.replaced import CARE
from storage.runs import Run, new_run_id, read_run, stage_run, sweep_finished
from storage.store import Store
from storage.verdict_columns import key_words

Moves = list[tuple[str, str]]


def begin_care(
    store: Store, job: str, config: Mapping[str, object], clock: Callable[[], float] = time.time
) -> Run:
    """Finish the newest commit, clear away what died, and begin a care behind that commit."""
    base = roll_forward_last(store)
    sweep_finished(store)
    _sweep_late(store, base)
    now = clock()
    run = Run(
        run_id=new_run_id(now),
        job=job,
        table="",
        fingerprint="",
        resume_key="",
        config=config,
        model="",
        revision="",
        versions={"calumma": version("calumma")},
        base=base,
        only_failed=False,
        started=now,
    )
    stage_run(store, run)
    return run


def end_care(store: Store, run: Run) -> None:
    """Clear away what a care has staged that found nothing to do, or came too late."""
    store.delete_folder(staging_folder(run.run_id))


def commit_care(
    store: Store,
    run: Run,
    *,
    replaced: Sequence[Replacement],
    moves: Moves,
    gone_rows: DigestFile,
    gone_failures: DigestFile,
    counts: Counts,
    config: Mapping[str, object],
    clock: Callable[[], float] = time.time,
) -> RunManifest | None:
    """Let files written anew take the place of others.

    Args:
        moves: (staged path, final path) pairs.
        gone_rows: keys of rows that are in no table any more: a job that meets them does them.
        gone_failures: likewise of failures.
        config: goes to the manifest.

    Returns:
        The manifest; None if something else was committed since the care began, and it must begin
        again.

    """
    number = run.base + 1
    token = secrets.token_hex(16)
    key_moves, old_keys = _stage_keys(store, run, token, number, gone_rows, gone_failures)
    removed = (*(path for one in replaced for path in one.old), *old_keys)
    manifest = RunManifest(
        run_id=run.run_id,
        job=run.job,
        state="done",
        config=dict(config),
        table="",
        model="",
        revision="",
        versions=dict(run.versions),
        counts=counts,
        started=run.started,
        finished=clock(),
        commit=number,
        replaced=tuple(replaced),
    )
    record = CommitRecord(
        number=number,
        token=token,
        manifest=manifest,
        moves=(*moves, *key_moves),
        removed=removed,
    )
    if not store.put_new(commit_path(number), json.dumps(asdict(record)).encode()):
        return None
    roll_forward(store, record)
    _sweep_late(store, number)
    return manifest


def _sweep_late(store: Store, last: int) -> None:
    """Clear away what cares have staged that died, or will find their numbers taken."""
    for run_id in store.folders(STAGING):
        run = read_run(store, run_id)
        if run is not None and run.job in CARE and run.base < last:
            store.delete_folder(staging_folder(run_id))


def _stage_keys(
    store: Store,
    run: Run,
    token: str,
    number: int,
    gone_rows: DigestFile,
    gone_failures: DigestFile,
) -> tuple[Moves, list[str]]:
    """Stage what is left of the keys; give the moves, and the files that they take the place of."""
    moves: Moves = []
    old: list[str] = []
    for outcome, kind in enumerate(OUTCOME_NAMES):
        left = key_files_without(store, kind, gone_rows if outcome == DONE else gone_failures)
        if left is None:
            continue
        keys, paths = left
        content = keys.serialize()
        staged = f"{staging_folder(run.run_id)}/keys-{token}.{kind}"
        store.put(staged, content)
        # From the first commit on: it covers every other file of the kind.
        moves.append((staged, keys_path(1, number, kind, content)))
        old += paths
    return moves, old


def stage_thumbnails(
    store: Store,
    run: Run,
    run_ids: Iterable[str],
    gone: DigestFile,
    assets: DigestFile | None = None,
) -> Moves:
    """Stage runs' thumbnails without those of some keys and some assets; give the moves."""
    moves: Moves = []
    there = {entry.path for entry in store.entries(THUMBNAILS)}
    for run_id in run_ids:
        path = thumbnails_path(run_id)
        if path not in there:
            continue
        table = pq.ParquetFile(io.BytesIO(store.get(path))).read()
        words = key_words(table["key"])
        keep = ~gone.contains(words[:, 0], words[:, 1])
        if assets is not None:
            # A row that asks nothing of its asset begins its key with the asset's first word.
            keep &= ~np.isin(words[:, 0], assets.first)
        if not keep.all():
            sink = pa.BufferOutputStream()
            pq.write_table(table.filter(pa.array(keep)), sink)
            staged = f"{staging_folder(run.run_id)}/thumbnails-{run_id}.parquet"
            store.put(staged, sink.getvalue().to_pybytes())
            moves.append((staged, path))
    return moves


def without(keys: DigestFile, others: DigestFile) -> DigestFile:
    """The keys of a set that are not in another."""
    left = np.asarray(~others.contains(keys.first, keys.second))
    return DigestFile(keys.first[left], keys.second[left])
