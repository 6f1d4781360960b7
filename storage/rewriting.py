"""Writing rows of several parts as one: the files that a care puts in the place of others."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.manifest import Replacement, RunManifest
from storage.care import Moves
from storage.digests import Flags
from storage.kept_rows import kept_rows, schema_of
from storage.layout import FAILURES, published_path, staging_folder
from storage.replaced import run_of
from storage.runs import Run
from storage.store import Store

_ROWS_PER_GROUP = 65_536
_BYTES_PER_GROUP = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OldFile:
    """A part as it is.

    Attributes:
        path: in the output.
        size: in bytes.
        run: the run that it belongs to.
        keep: bool array of shape (rows,): the rows that stay.

    """

    path: str
    size: int
    run: RunManifest
    keep: Flags

    @property
    def table(self) -> str:
        """The table, ``failures`` among them."""
        return self.path.partition("/")[0]

    @property
    def of_failures(self) -> bool:
        """Whether it holds failures."""
        return self.table == FAILURES


@dataclass(slots=True)
class Rewritten:
    """What was staged so far: what takes the place of what, and how it gets there."""

    replaced: list[Replacement] = field(default_factory=list)
    moves: Moves = field(default_factory=list)

    def write(self, store: Store, run: Run, files: Sequence[OldFile]) -> None:
        """Stage the rows of some files that stay, as one file or, without any, as none.

        The file belongs to the newest run of those. Its metadata says of which runs its rows are,
        and how many of each, in their order.

        Args:
            files: of one table and schema, in the order of their commits.

        """
        old = tuple(file.path for file in files)
        if not any(file.keep.any() for file in files):
            self.replaced.append(Replacement(old=old, new=()))
            return
        number = len(self.moves)
        staged = f"{staging_folder(run.run_id)}/file-{number:06d}.parquet"
        final = published_path(
            files[0].table, files[-1].run.run_id, f"{run.job}-{run.run_id}-{number:06d}"
        )
        with tempfile.TemporaryDirectory(prefix="calumma-rewriting-") as folder:
            target = Path(folder) / "rows.parquet"
            _write(store, files, target)
            store.put_file(staged, target)
        self.moves.append((staged, final))
        self.replaced.append(Replacement(old=old, new=(final,)))


def _write(store: Store, files: Sequence[OldFile], target: Path) -> None:
    schema = schema_of(store, files[0].path)
    metadata = {
        **(schema.metadata or {}),
        b"calumma.runs": json.dumps(_runs(store, files)).encode(),
    }
    metadata[b"calumma.run_id"] = files[-1].run.run_id.encode()
    schema = schema.with_metadata(metadata)
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for file in files:
            for batch in kept_rows(store, file.path, file.keep):
                waiting.append(batch.replace_schema_metadata(schema.metadata))
                rows += len(batch)
                size += batch.nbytes
                if rows >= _ROWS_PER_GROUP or size >= _BYTES_PER_GROUP:
                    writer.write_table(pa.Table.from_batches(waiting, schema))
                    waiting, rows, size = [], 0, 0
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, schema))


def _runs(store: Store, files: Sequence[OldFile]) -> list[tuple[str, int]]:
    """Of which runs the rows are: (run id, rows), in the order of the rows."""
    found: list[tuple[str, int]] = []
    for file in files:
        known = (schema_of(store, file.path).metadata or {}).get(b"calumma.runs")
        before = json.loads(known) if known else [(run_of(file.path), len(file.keep))]
        start = 0
        for run_id, count in before:
            kept = int(file.keep[start : start + count].sum())
            start += count
            if kept and found and found[-1][0] == run_id:
                found[-1] = (run_id, found[-1][1] + kept)
            elif kept:
                found.append((run_id, kept))
    return found
