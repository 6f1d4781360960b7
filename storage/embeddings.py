"""The vectors that an embedding job left: which files, of which model, and what is in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.errors import CatalogError
from schemas.manifest import RunManifest
from storage.catalog.opening import local_path, open_file
from storage.latest import read_history
from storage.parallel import for_each
from storage.store import open_store

TABLE = "embeddings"
_SHARE_BITS = 4
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingFile:
    """A part of the table: its path in the output, and its rows."""

    path: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRuns:
    """The newest vectors of an output, as its manifests tell.

    Attributes:
        uri: the output.
        parts: paths of the table's parts, in the order of their commits: of two rows of an asset,
            the later one counts.
        commit: number of the newest commit that is looked at.
        of: what was embedded, as the job was asked.

    """

    uri: str
    parts: tuple[str, ...]
    model: str
    revision: str
    commit: int
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSet:
    """The vectors of one model in an output.

    Attributes:
        runs: where they came from.
        files: the parts, in their order.
        dimension: of the vectors.
        stored_as: number format of the vectors.

    """

    runs: EmbeddingRuns
    files: tuple[EmbeddingFile, ...]
    dimension: int
    stored_as: Literal["float16", "float32"]


def find_embeddings(uri: str, upto: int | None = None) -> EmbeddingRuns:
    """Find the runs of the newest embedding job of an output; their parts are not opened.

    Args:
        uri: the output.
        upto: number of the last commit to look at; None for all.

    Raises:
        CatalogError: there are none, or rows up to ``upto`` lie in one file with newer ones.

    """
    history = read_history(open_store(uri))
    history.check_not_merged(uri, TABLE, upto)
    runs = sorted(
        (
            one
            for one in history.runs
            if one.table == TABLE
            and any(path.startswith(f"{TABLE}/") for path in one.files)
            and (upto is None or one.commit <= upto)
        ),
        key=lambda one: one.commit,
    )
    if not runs:
        raise CatalogError(f"{uri} holds no embeddings. Make some: calumma embed CATALOG {uri}.")
    newest = runs[-1]
    return EmbeddingRuns(
        uri=uri,
        parts=tuple(
            path
            for one in runs
            if _like(one) == _like(newest)
            for path in one.files
            if path.startswith(f"{TABLE}/")
        ),
        model=newest.model,
        revision=newest.revision,
        commit=newest.commit,
        of=str(newest.config.get("of", "")),
    )


def open_embeddings(runs: EmbeddingRuns) -> EmbeddingSet:
    """Look at the parts of embeddings: how many rows each has, and what its vectors are."""
    uri, parts = runs.uri, runs.parts
    rows = for_each(
        open_store(uri), lambda path: int(open_part(uri, path).metadata.num_rows), parts
    )
    # One row: a group of them may be as large as the part.
    first = next(open_part(uri, parts[0]).iter_batches(batch_size=1, columns=["vector"]))["vector"]
    return EmbeddingSet(
        runs=runs,
        files=tuple(
            EmbeddingFile(path=path, rows=count) for path, count in zip(parts, rows, strict=True)
        ),
        dimension=len(first[0]),
        stored_as="float16" if pa.types.is_float16(first.type.value_type) else "float32",
    )


def _like(run: RunManifest) -> tuple[str, str, object]:
    return run.model, run.revision, run.config.get("of")


def open_part(uri: str, path: str) -> pq.ParquetFile:
    """Open a part of the table."""
    whole = f"{uri.rstrip('/')}/{path}"
    local = local_path(whole)
    if local is not None:
        return pq.ParquetFile(local, memory_map=True)
    return pq.ParquetFile(open_file(whole))


def read_ids(uri: str, file: EmbeddingFile) -> list[str]:
    """The asset ids of a part, in order."""
    column = open_part(uri, file.path).read(columns=["asset_id"])["asset_id"]
    return [str(name) for name in column.to_pylist()]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorBatch:
    """Rows of a part.

    Attributes:
        first: position of the first row in its part.
        rows: a table of the columns ``key``, ``asset_id``, ``uri``, ``text``, ``license``,
            ``source`` and ``modality``.
        vectors: float32 array of shape (rows, dimension); NaN where one is of another dimension.
        dimensions: that of each row's vector: int array of shape (rows,).

    """

    first: int
    rows: pa.Table
    vectors: NDArray[np.float32]
    dimensions: NDArray[np.integer[Any]]


def read_vectors(uri: str, file: EmbeddingFile, dimension: int) -> Iterator[VectorBatch]:
    """Read a part in batches of a few thousand rows."""
    columns = ["key", "asset_id", "uri", "text", "license", "source", "modality"]
    first = 0
    part = open_part(uri, file.path)
    for batch in part.iter_batches(batch_size=_ROWS_AT_ONCE, columns=[*columns, "vector"]):
        table = pa.Table.from_batches([batch])
        column: Any = table["vector"].combine_chunks()
        dimensions = np.diff(column.offsets.to_numpy())
        yield VectorBatch(
            first=first,
            rows=table.select(columns),
            vectors=_as_array(column, dimensions, dimension),
            dimensions=dimensions,
        )
        first += len(table)


def _as_array(
    column: Any, dimensions: NDArray[np.integer[Any]], dimension: int
) -> NDArray[np.float32]:
    if (dimensions == dimension).all():
        values = column.flatten().to_numpy(zero_copy_only=False)
        flat: NDArray[np.float32] = values.astype(np.float32, copy=False)
        return flat.reshape(-1, dimension)
    found = np.full((len(column), dimension), np.nan, np.float32)
    for row in np.flatnonzero(dimensions == dimension):
        found[row] = column[int(row)].values.to_numpy(zero_copy_only=False)
    return found


def superseded_rows(uri: str, files: Sequence[EmbeddingFile]) -> dict[str, NDArray[np.int64]]:
    """Rows of assets that come again later: sorted positions by part, where there are any.

    Ids are told by 64 bits of a hash. Memory is 10 bytes a row, and the ids of a few parts.
    """
    starts = np.cumsum([0, *(file.rows for file in files)])
    hashes = np.empty(starts[-1], np.uint64)

    def read(number: int) -> None:
        ids = read_ids(uri, files[number])
        hashes[starts[number] : starts[number + 1]] = _hashes(ids)

    for_each(open_store(uri), read, range(len(files)))
    superseded = _superseded(hashes)
    found = {}
    for file, start in zip(files, starts, strict=False):
        rows = np.flatnonzero(superseded[start : start + file.rows])
        if len(rows):
            found[file.path] = rows
    return found


def _superseded(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which hashes come again later. Sorted by a share of them at a time, for the memory."""
    superseded = np.zeros(len(hashes), bool)
    shares = (hashes >> np.uint64(64 - _SHARE_BITS)).astype(np.uint8)
    for share in range(1 << _SHARE_BITS):
        rows = np.flatnonzero(shares == share)
        order = np.argsort(hashes[rows], kind="stable")
        ordered = hashes[rows[order]]
        superseded[rows[order[:-1]]] = ordered[:-1] == ordered[1:]
    return superseded


def _hashes(ids: Sequence[str]) -> NDArray[np.uint64]:
    from hashlib import blake2b

    digests = b"".join(blake2b(name.encode(), digest_size=8).digest() for name in ids)
    return np.frombuffer(digests, np.uint64)
