"""The rows that are audited, block by block: of an output the newest row of each asset."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import CatalogError, UsageError
from schemas.manifest import RunManifest
from storage.catalog.opening import open_file
from storage.committed import find_committed
from storage.digests import Flags
from storage.evaluation.result_files import find_results
from storage.kept_rows import kept_rows, size_of
from storage.latest import read_manifests
from storage.store import open_store
from storage.superseded import superseded_rows
from storage.uris import absolute_uri

TABLES = ("captions", "answers", "generations", "row_scores")
_NEEDED = ("asset_id", "text")
_ROWS_AT_ONCE = 8192
_BYTES_AT_ONCE = 16 << 20


class AuditedRows:
    """The rows of an output's table, or of Parquet files.

    Attributes:
        uri: as given.
        table: of an output; empty for other files.
        model, revision: of the newest run; empty where nothing tells.

    Raises:
        UsageError: there are none, or several tables of which none was named.

    """

    def __init__(self, results: str, table: str | None) -> None:
        self.uri = results
        self.model = self.revision = ""
        self._manifests = _manifests_at(results)
        if self._manifests is None:
            if table is not None:
                raise UsageError(f"{results} is no output of a job, so it has no table {table}.")
            self.table = ""
            self._uris = find_results(results, "captions").uris
            return
        self.table = _choose(results, self._manifests, table)
        missing = f"{results} holds no {self.table}."
        found = find_committed(absolute_uri(results), self.table, missing=missing)
        newest = found.runs[-1]
        self.model, self.revision = newest.model, newest.revision
        # Each evaluation is of all rows: those before the newest are of other results.
        self._paths = found.paths_of(newest) if self.table == "row_scores" else found.paths

    @functools.cached_property
    def is_generated(self) -> bool:
        """Whether the rows are pictures, and their texts what was asked for."""
        return {"image", "sample_number"} <= self.columns()

    @property
    def keeps_failures(self) -> bool:
        """Whether rows that failed are told of: those of a job that made the results."""
        return self.table not in {"", "row_scores"}

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns, of which files may lack all but ``asset_id`` and ``text``.

        Raises:
            CatalogError: a file cannot be read, or lacks one of the two.

        """
        if self.table:
            store = open_store(absolute_uri(self.uri))
            for path, gone in zip(self._paths, self._superseded, strict=True):
                yield from kept_rows(store, path, ~gone, columns)
            return
        for uri in self._uris:
            try:
                with open_file(uri) as file:
                    yield from _read(uri, pq.ParquetFile(file), columns)
            except CatalogError:
                raise
            except Exception as error:
                # Readers and clients of stores have exceptions of their own.
                raise CatalogError(f"{uri} cannot be read: {error}") from error

    def columns(self) -> set[str]:
        """The columns of the first file."""
        if self.table:
            store = open_store(absolute_uri(self.uri))
            with store.open(self._paths[0]) as file:
                return set(pq.ParquetFile(file).schema_arrow.names)
        with open_file(self._uris[0]) as file:
            return set(pq.ParquetFile(file).schema_arrow.names)

    @functools.cached_property
    def _superseded(self) -> list[Flags]:
        return superseded_rows(open_store(absolute_uri(self.uri)), self.table, self._paths)

    def failures(self) -> Iterator[pa.RecordBatch]:
        """Read what failed in the runs that wrote the table: ids, kinds and attributes."""
        if self._manifests is None or not self.keeps_failures:
            return
        store = open_store(absolute_uri(self.uri))
        for manifest in self._manifests:
            if manifest.table != self.table:
                continue
            for path in manifest.files:
                if path.startswith("failures/"):
                    with store.open(path) as file:
                        columns = ["asset_id", "question_id", "kind", "attributes"]
                        yield from pq.ParquetFile(file).iter_batches(_ROWS_AT_ONCE, columns=columns)


def _manifests_at(uri: str) -> list[RunManifest] | None:
    """The runs of an output; None if it is no output of ours."""
    if uri.endswith(".parquet") or "*" in uri:
        return None
    return read_manifests(open_store(absolute_uri(uri))) or None


def _choose(results: str, manifests: Sequence[RunManifest], table: str | None) -> str:
    held = [
        name
        for name in TABLES
        if any(path.startswith(f"{name}/") for one in manifests for path in one.files)
    ]
    if table is None and len(held) == 1:
        return held[0]
    if table in held:
        return str(table)
    what = " and ".join(held) or f"none of {', '.join(TABLES)}"
    raise UsageError(f"{results} holds {what}." + (" Name one with --table." if held else ""))


def _read(uri: str, opened: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    names = opened.schema_arrow.names
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise CatalogError(
            f"{uri} has no column {' and no column '.join(missing)}; it has: {', '.join(names)}."
        )
    chosen = [name for name in columns if name in names]
    size = size_of(opened.metadata, chosen)
    rows = _BYTES_AT_ONCE * opened.metadata.num_rows // max(size, 1)
    yield from opened.iter_batches(min(_ROWS_AT_ONCE, max(1, rows)), columns=chosen)


def column_of(batch: pa.RecordBatch, name: str) -> list[Any] | None:
    """A column as a list; None where the batch has none."""
    return batch[name].to_pylist() if name in batch.schema.names else None
