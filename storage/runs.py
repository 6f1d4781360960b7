"""Runs in flight: beginning one, or finding the one to go on with."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from storage.layout import RUNS, STAGING, manifest_path, run_path, staging_folder
from storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run is to do. Staged first, so that whoever comes next can go on with it.

    Attributes:
        run_id: sorts by start time.
        job: ``caption``, ``answer`` or ``embed``.
        table: the table its rows go to.
        fingerprint: hash of what determines the rows' content, 32 hexadecimal digits.
        resume_key: hash of the command: a rerun with the same one goes on with this run.
        base: number of the last commit when it began: rows up to there are skipped as done.
        started: seconds since the epoch.

    """

    run_id: str
    job: str
    table: str
    fingerprint: str
    resume_key: str
    config: Mapping[str, object]
    model: str
    revision: str
    versions: Mapping[str, str]
    base: int
    only_failed: bool
    started: float


def new_run_id(now: float) -> str:
    """A run id that sorts by time: ``20260131-235959-ab12cd``."""
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime(now)) + secrets.token_hex(3)


def stage_run(store: Store, run: Run) -> None:
    """Write what the run is to do."""
    store.put(run_path(run.run_id), json.dumps(asdict(run)).encode())


def read_run(store: Store, run_id: str) -> Run | None:
    """Read what a run in flight is to do; None if it is not in flight any more."""
    fields = _fields_of(store, run_id)
    return Run(**fields) if fields else None


def find_unfinished(store: Store, resume_key: str) -> Run | None:
    """Find the newest run in flight with this resume key."""
    for run_id in reversed(store.folders(STAGING)):
        fields = _fields_of(store, run_id)
        # Looked at before the rest: a run of another version may have other fields.
        if fields.get("resume_key") == resume_key and not store.exists(manifest_path(run_id)):
            return Run(**fields)
    return None


def _fields_of(store: Store, run_id: str) -> dict[str, Any]:
    """What is staged of a run that is in flight; nothing of one that is not."""
    try:
        fields: dict[str, Any] = json.loads(store.get(run_path(run_id)))
    except FileNotFoundError:
        return {}
    return fields


def sweep_finished(store: Store) -> None:
    """Remove what finished runs left in staging: their launcher came back, or died at the end."""
    staged = store.folders(STAGING)
    if staged:
        finished = {entry.path for entry in store.entries(RUNS)}
        for run_id in staged:
            if manifest_path(run_id) in finished:
                store.delete_folder(staging_folder(run_id))
