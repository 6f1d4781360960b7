"""A store that dies at a chosen operation, and a whole run without Beam or model to let die."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from schemas.description import Caption
from schemas.failure import Failure
from schemas.manifest import RunManifest
from storage.commit import commit_run, roll_forward_last
from storage.commit_record import read_manifest
from storage.forgotten import load_forgotten, names_forgotten
from storage.keys import fingerprint, row_keys
from storage.known import load_known_keys
from storage.part_writer import PartWriter
from storage.parts import Part, SplitRecord, choose_cover, staged_parts
from storage.runs import Run, find_unfinished, new_run_id, stage_run, sweep_finished
from storage.store import Entry, Store

FINGERPRINT = fingerprint({"job": "crash"})
_ROWS_PER_PART = 3


class Crash(BaseException):
    """The process died here."""


class CrashingStore:
    """Passes operations on to a store and dies before or after the n-th.

    Args:
        at: number of the operation, from 1 on.
        after: die when the operation is done rather than before it.
    """

    def __init__(self, store: Store, at: int, *, after: bool) -> None:
        self._store = store
        self._at = at
        self._after = after
        self.operations = 0

    @property
    def uri(self) -> str:
        return self._store.uri

    @property
    def operations_at_once(self) -> int:
        return 1

    def _do(self, name: str, *arguments: Any) -> Any:
        self.operations += 1
        if self.operations == self._at and not self._after:
            raise Crash(name)
        try:
            return getattr(self._store, name)(*arguments)
        finally:
            # Also where the operation failed, as reading what is not there does.
            if self.operations == self._at and self._after:
                raise Crash(name)

    def put(self, path: str, data: bytes) -> None:
        self._do("put", path, data)

    def put_file(self, path: str, source: Path) -> None:
        self._do("put_file", path, source)

    def fetch(self, path: str, target: Path) -> None:
        self._do("fetch", path, target)

    def put_new(self, path: str, data: bytes) -> bool:
        return bool(self._do("put_new", path, data))

    def get(self, path: str) -> bytes:
        return bytes(self._do("get", path))

    def open(self, path: str) -> BinaryIO:
        return self._store.open(path)

    def exists(self, path: str) -> bool:
        return bool(self._do("exists", path))

    def entries(self, prefix: str) -> Iterator[Entry]:
        return iter(list(self._do("entries", prefix)))

    def folders(self, prefix: str) -> list[str]:
        return list(self._do("folders", prefix))

    def move(self, source: str, destination: str) -> None:
        self._do("move", source, destination)

    def delete(self, path: str) -> None:
        self._do("delete", path)

    def delete_folder(self, prefix: str) -> None:
        # Not one operation on any store: die between the objects too.
        for entry in list(self._store.entries(prefix)):
            self._do("delete", entry.path)
        self._store.delete_folder(prefix)

    def now(self) -> float:
        return self._store.now()

    def modified(self, path: str) -> float:
        return self._store.modified(path)


Catalog = Sequence[Sequence[str]]
"""Ids by split. An id that begins with ``bad`` fails."""


def run_job(store: Store, catalog: Catalog, attempt: str, clock: float = 0.0) -> RunManifest:
    """Do what a launcher and its workers do: begin or go on, do the rows, commit."""
    base = roll_forward_last(store)
    sweep_finished(store)
    run = find_unfinished(store, "resume")
    if run is None:
        run = Run(
            run_id=new_run_id(clock),
            job="caption",
            table="captions",
            fingerprint=FINGERPRINT.hex(),
            resume_key="resume",
            config={},
            model="model",
            revision="revision",
            versions={},
            base=base,
            only_failed=False,
            started=clock,
        )
        stage_run(store, run)
    planned, records, offset = [], [], 0
    for number, ids in enumerate(catalog):
        split_id = f"split{number}"
        planned.append((split_id, offset, len(ids)))
        try:
            records.append(do_split(store, run, split_id, offset, ids, attempt))
        except FileNotFoundError:
            # As a launcher does whose workers fail: another may have finished the run meanwhile.
            finished = read_manifest(store, run.run_id)
            if finished is None:
                raise
            return finished
        offset += len(ids)
    return commit_run(store, run, planned, records, clock=lambda: clock)


def do_split(
    store: Store, run: Run, split_id: str, offset: int, ids: Sequence[str], attempt: str
) -> SplitRecord:
    """Do the rows of a split that are neither staged nor known, three rows a part."""
    parts: list[Part] = list(choose_cover(staged_parts(store, run.run_id, split_id)))
    first = parts[-1].last if parts else 0
    keys = row_keys(ids, None, FINGERPRINT)
    known = load_known_keys(store, upto=run.base)
    to_do = known.to_do(keys.identity[:, 0], keys.second, only_failed=False)
    to_do &= ~names_forgotten(ids, load_forgotten(store))
    writer = PartWriter(
        store=store,
        run_id=run.run_id,
        split_id=split_id,
        attempt=attempt,
        first=first,
        record=Caption,
        version="0",
    )
    for position in range(first, len(ids)):
        if to_do[position]:
            key = keys.hex(position)
            writer.add(
                position=position,
                identity=(int(keys.identity[position, 0]), int(keys.identity[position, 1])),
                second=int(keys.second[position]),
                row=_failure(key, ids[position])
                if ids[position].startswith("bad")
                else _caption(key, ids[position]),
                thumbnail=b"jpeg",
            )
        else:
            writer.skip(1)
        if (position + 1) % _ROWS_PER_PART == 0 or position + 1 == len(ids):
            part = writer.flush(position + 1)
            if part is not None:
                parts.append(part)
    return SplitRecord(split_id=split_id, offset=offset, row_count=len(ids), parts=tuple(parts))


def published(out: Path) -> dict[str, list[str]]:
    """The ids in each table, as a reader sees them who only globs the Parquet files."""
    return {
        table: sorted(
            str(asset_id)
            for file in (out / table).glob("*/*.parquet")
            for asset_id in pq.ParquetFile(file).read(["asset_id"])["asset_id"].to_pylist()
        )
        for table in ("captions", "failures")
    }


def _caption(key: str, asset_id: str) -> Caption:
    return Caption(
        key=key,
        asset_id=asset_id,
        uri=asset_id,
        prompt="",
        text=f"caption of {asset_id}",
        mean_logprob=0.0,
        finish_reason="stop",
        token_count=1,
        references=(),
        neighbors=(),
        sha256="",
        model="model",
        revision="revision",
        attributes="{}",
    )


def _failure(key: str, asset_id: str) -> Failure:
    return Failure(
        key=key,
        asset_id=asset_id,
        question_id="",
        stage="decode",
        kind="truncated",
        message="cut",
        retryable=False,
        uri=asset_id,
        attributes="{}",
    )
