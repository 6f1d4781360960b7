"""Making a lookup of the committed files of a table: in one pass, columns into flat files."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.arrow import arrow_schema
from schemas.errors import CatalogError
from schemas.manifest import RunManifest
from storage.catalog.parquet import open_parquet
from storage.committed import CommittedRuns, not_whole
from storage.lookup.arrays import NewFiles
from storage.lookup.columns import column_writer
from storage.lookup.places import PlacesWriter
from storage.store import open_store

CARD = "lookup.json"
_FILES_AHEAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupTable:
    """Which columns of a table are looked up, and which rows of an asset count.

    Attributes:
        record: the table's class of rows.
        columns: names of the columns.
        repeated: those of them that hold few different texts.
        parts: tells the rows of one asset apart: int32 array of shape (rows,), of a run and rows.
        settings: what of a run's making tells sets of an asset's rows apart: of each asset only
            rows like its newest one count.
        job: the command that makes the table.

    """

    record: type
    columns: tuple[str, ...]
    repeated: frozenset[str]
    parts: Callable[[RunManifest, pa.Table], NDArray[np.int32]]
    settings: Callable[[RunManifest], object]
    job: str


def build_lookup(folder: Path, runs: CommittedRuns, table: LookupTable) -> None:
    """Write a lookup's files.

    Of an asset those rows count that were made with the settings of its newest row; of several rows
    with the same part the one of the newest commit. The others stay in the files, found by nobody.
    A few of the table's files are in memory at a time, which are of a thousand rows each; what is
    sorted is sorted on the disk, so memory does not grow with the rows.

    Args:
        folder: gets the files; it exists.
        runs: of the table.

    Raises:
        CatalogError: a file is gone, or lacks a column.

    """
    schema = arrow_schema(table.record)
    numbers: dict[str, int] = {}
    with NewFiles(folder) as files:
        writers = {
            name: column_writer(files, schema.field(name), repeated=name in table.repeated)
            for name in table.columns
        }
        places = PlacesWriter(files)
        for run, rows in _read_ahead(runs, table):
            made_with = json.dumps(table.settings(run), sort_keys=True, default=str)
            number = numbers.setdefault(made_with, len(numbers))
            ids = [str(one) for one in rows["asset_id"].to_pylist()]
            places.add(ids, table.parts(run, rows), number)
            for name, writer in writers.items():
                for chunk in rows[name].chunks:
                    writer.add(chunk)
        places.sort()
    card = {name: writer.about() for name, writer in writers.items()}
    (folder / CARD).write_text(json.dumps(card))


def _read_ahead(runs: CommittedRuns, table: LookupTable) -> Iterator[tuple[RunManifest, pa.Table]]:
    """Read the files in the order of their commits, the next ones while one is worked on."""
    ahead = max(_FILES_AHEAD, open_store(runs.uri).operations_at_once)
    waiting: deque[tuple[RunManifest, Future[pa.Table]]] = deque()
    with ThreadPoolExecutor(ahead) as threads:
        try:
            for run in runs.runs:
                for path in runs.paths_of(run):
                    waiting.append((run, threads.submit(_read, runs.uri, path, table)))
                    if len(waiting) > ahead:
                        first, read = waiting.popleft()
                        yield first, read.result()
            while waiting:
                first, read = waiting.popleft()
                yield first, read.result()
        finally:
            for _, read in waiting:
                read.cancel()


def _read(uri: str, path: str, table: LookupTable) -> pa.Table:
    wanted = pa.schema(
        [arrow_schema(table.record).field(name) for name in ("asset_id", *table.columns)]
    )
    try:
        with open_parquet(f"{uri.rstrip('/')}/{path}") as opened:
            missing = [name for name in wanted.names if name not in opened.schema_arrow.names]
            if missing:
                raise CatalogError(
                    f"{uri}/{path} is of another version of Calumma: it has no column "
                    f"{missing[0]}. Make its rows again: calumma {table.job}."
                )
            return opened.read(wanted.names, use_threads=False).select(wanted.names).cast(wanted)
    except FileNotFoundError:
        raise not_whole(uri, [path]) from None


def read_card(folder: Path) -> dict[str, Any]:
    """Read which columns a lookup has.

    Raises:
        FileNotFoundError: it is gone.

    """
    card: dict[str, Any] = json.loads((folder / CARD).read_text())
    return card
