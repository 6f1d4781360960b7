"""Rows, runs and parts as tests need them, with as little said as can be."""

from dataclasses import replace

from schemas.description import Caption
from schemas.failure import Failure, FailureKind
from storage.catalog.split import CatalogFile, RowRange, Split
from storage.keys import fingerprint, row_keys
from storage.part_writer import PartWriter
from storage.runs import Run
from storage.store import Store

FINGERPRINT = fingerprint({"job": "test"})


def caption(key: str, asset_id: str = "a") -> Caption:
    return Caption(
        key=key,
        asset_id=asset_id,
        uri=f"{asset_id}.jpg",
        prompt="",
        text=f"of {asset_id}",
        mean_logprob=-1.5,
        finish_reason="stop",
        token_count=3,
        references=("r",),
        neighbors=(),
        sha256="",
        model="m",
        revision="r",
        attributes="{}",
    )


def failure(key: str, asset_id: str = "a", kind: FailureKind = FailureKind.TRUNCATED) -> Failure:
    return Failure(
        key=key,
        asset_id=asset_id,
        question_id="",
        stage="decode",
        kind=kind.value,
        message="cut short",
        retryable=kind.retryable,
        uri=f"{asset_id}.jpg",
        attributes="{}",
    )


def a_run(run_id: str = "20260131-000000-aaaaaa", **changes: object) -> Run:
    run = Run(
        run_id=run_id,
        job="caption",
        table="captions",
        fingerprint=FINGERPRINT.hex(),
        resume_key="resume",
        config={},
        model="m",
        revision="r",
        versions={},
        base=0,
        only_failed=False,
        started=1.0,
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def a_split(split_id: str, rows: int) -> Split:
    return Split(
        split_id=split_id,
        offset=0,
        file=CatalogFile(uri="/c.parquet", identity="1"),
        format="parquet",
        rows=RowRange(start=0, stop=rows),
    )


def a_writer(store: Store, run: Run, split_id: str = "s", first: int = 0) -> PartWriter:
    return PartWriter(
        store=store,
        run_id=run.run_id,
        split_id=split_id,
        attempt="x",
        first=first,
        record=Caption,
        version="0",
    )


def add(writer: PartWriter, position: int, asset_id: str, version: str = "") -> str:
    """Add a row; one whose id begins with ``bad`` fails, with ``late`` fails for now."""
    keys = row_keys([asset_id], [version], FINGERPRINT)
    key = keys.hex(0)
    row: Caption | Failure = caption(key, asset_id)
    if asset_id.startswith("bad"):
        row = failure(key, asset_id)
    elif asset_id.startswith("late"):
        row = failure(key, asset_id, FailureKind.TIMEOUT)
    first, second = (int(word) for word in keys.identity[0])
    writer.add(
        position=position,
        identity=(first, second),
        second=int(keys.second[0]),
        row=row,
        thumbnail=f"picture of {asset_id}".encode(),
    )
    return key
