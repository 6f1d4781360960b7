"""Building the shards of an index, each by one worker, in a folder of its own."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.arrow import to_table
from schemas.failure import Failure, FailureKind, Stage
from storage.embeddings import VectorBatch, read_vectors
from storage.index.build import Batch, build_shard
from storage.index.vectors import vector_faults
from storage.index_builds import Built, stage_progress
from storage.index_rows import IndexedAsset
from storage.index_shards import (
    ROWS,
    failure_count,
    failures_path,
    has_shard,
    put_shard,
    shard_size,
)
from storage.store import Store, open_store
from transforms.index_settings import IndexSettings, ShardDone, ShardPlan
from transforms.tally import tally_of

_SECONDS_BETWEEN_TELLINGS = 5.0
_ROWS_SCHEMA = pa.schema([(column.name, pa.string()) for column in fields(IndexedAsset)])


class BuildShards(beam.DoFn):
    """Shards to build in, shards that are in their place out."""

    def __init__(self, settings: IndexSettings) -> None:
        self._settings = settings

    def setup(self) -> None:
        """Open what all shards share."""
        self._store: Store = open_store(self._settings.index)

    def process(self, plan: ShardPlan) -> Iterator[ShardDone]:
        """Build a shard, unless an earlier build that was ended has."""
        if not has_shard(self._store, plan.name):
            with tempfile.TemporaryDirectory(prefix="calumma-shard-") as scratch:
                folder = Path(scratch) / "shard"
                failed = self._build(plan, folder)
                if failed:
                    table = Path(scratch) / "failures.parquet"
                    pq.write_table(to_table(Failure, failed), table)
                    self._store.put_file(failures_path(plan.name), table)
                put_shard(self._store, plan.name, folder)
        else:
            self._count(self._there(plan.name))
        built = self._there(plan.name)
        yield ShardDone(name=plan.name, vectors=built.vectors, failed=built.failed)

    def _there(self, name: str) -> Built:
        return Built(
            vectors=shard_size(self._store, name).count, failed=failure_count(self._store, name)
        )

    def _count(self, built: Built) -> None:
        """Add to what this process has seen."""
        tally = tally_of(self._settings.run_id)
        with tally.lock:
            tally.rows_out += built.vectors
            tally.failed.update(
                {FailureKind.INVALID_ROW.value: built.failed} if built.failed else {}
            )
            tally.passed += built.rows

    def _build(self, plan: ShardPlan, folder: Path) -> list[Failure]:
        folder.mkdir()
        failed: list[Failure] = []
        rows = folder.parent / ROWS
        with pa.OSFile(str(rows), "wb") as file, pa.ipc.new_file(file, _ROWS_SCHEMA) as writer:

            def batches() -> Iterator[Batch]:
                told, done = time.monotonic(), Built()
                for batch in self._batches(plan):
                    faults = vector_faults(batch.vectors, plan.dimension, batch.dimensions)
                    failed.extend(_failure(batch, row, why) for row, why in faults.items())
                    kept = np.setdiff1d(np.arange(len(batch.vectors)), list(faults))
                    table = batch.rows.take(kept).select(_ROWS_SCHEMA.names)
                    writer.write_table(table.cast(_ROWS_SCHEMA))
                    vectors = batch.vectors[kept]
                    # Those that were stored in half precision are of length 1 within a thousandth.
                    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
                    yield [str(name) for name in table["asset_id"].to_pylist()], vectors
                    # Asked for another, the index has taken this one in.
                    more = Built(vectors=len(vectors), failed=len(faults))
                    done = Built(
                        vectors=done.vectors + more.vectors, failed=done.failed + more.failed
                    )
                    self._count(more)
                    if time.monotonic() - told >= _SECONDS_BETWEEN_TELLINGS:
                        told = time.monotonic()
                        stage_progress(self._store, self._settings.run_id, plan.name, done)

            trained = self._store.get(plan.trained)
            build_shard(trained, batches(), folder, stored_as=plan.stored_as)
        rows.rename(folder / ROWS)
        return failed

    def _batches(self, plan: ShardPlan) -> Iterator[VectorBatch]:
        """The rows of a shard, superseded ones left out."""
        for part in plan.parts:
            gone = np.array(part.superseded, np.int64)
            for batch in read_vectors(self._settings.embeddings, part.file, plan.dimension):
                positions = np.arange(batch.first, batch.first + len(batch.vectors))
                kept = np.flatnonzero(
                    (positions >= part.start) & (positions < part.stop) & ~np.isin(positions, gone)
                )
                if len(kept):
                    yield VectorBatch(
                        first=batch.first,
                        rows=batch.rows.take(kept),
                        vectors=batch.vectors[kept],
                        dimensions=batch.dimensions[kept],
                    )


def _failure(batch: VectorBatch, row: int, why: str) -> Failure:
    asset = batch.rows.slice(row, 1).to_pylist()[0]
    return Failure(
        key=asset["key"],
        asset_id=asset["asset_id"],
        question_id="",
        stage=Stage.INDEX.value,
        kind=FailureKind.INVALID_ROW.value,
        message=f"The vector of {asset['asset_id']!r} {why}. Embed the row again.",
        retryable=False,
        uri=asset["uri"],
        attributes="{}",
    )
