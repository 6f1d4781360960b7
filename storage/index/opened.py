"""An index that is open: its shards, mapped, and which of their rows count."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import UsageError
from storage.index.errors import IndexDamagedError, IndexMismatchError
from storage.index.ids import IdFile, Rows
from storage.index.kinds import FAISS, Kind, traits_of
from storage.index.mapping import index_in_place, map_vectors, read_lists_mapped
from storage.index.removed import Removed, read_removed
from storage.index.shard import (
    INDEX,
    OFFSETS,
    TEXT,
    ShardRecord,
    read_shard_record,
)
from storage.index.vectors import Vectors
from storage.index.version import IndexVersion


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenShard:
    """A shard whose files are mapped.

    Attributes:
        name: of its folder.
        record: its description.
        index: FAISS's.
        rescoring: the same, its candidates scored again from the stored vectors; None where its
            own scores are just these.
        vectors: float16 or float32 array of shape (count, dimension).
        ids: of its rows.
        removed: sorted rows that no search may find.
        selector: FAISS's for the others; None where nothing is removed.

    """

    name: str
    record: ShardRecord
    index: Any
    rescoring: Any
    vectors: NDArray[np.floating[Any]]
    ids: IdFile
    removed: Rows
    selector: Any

    def __len__(self) -> int:
        return self.record.count


class OpenIndex:
    """An index to search. Its rows are those of its shards, one shard after the other.

    Threads may share it. Processes of a machine share what is mapped: everything but the centroids
    of clusters and the codes of fast-scan kinds, which each process reads for itself.
    """

    def __init__(self, version: IndexVersion, shards: Sequence[OpenShard]) -> None:
        self.version = version
        self.shards = tuple(shards)
        self.starts = np.cumsum([0, *(len(shard) for shard in shards)])

    def __len__(self) -> int:
        """How many vectors can be found."""
        return sum(len(shard) - len(shard.removed) for shard in self.shards)

    @property
    def kind(self) -> Kind:
        """How its shards are searched."""
        return self.shards[0].record.kind

    @property
    def exact(self) -> bool:
        """Whether its codes are the vectors themselves."""
        return traits_of(self.shards[0].index).exact

    def ids(self, rows: Rows) -> list[str]:
        """Give the ids of rows: int64 array of shape (rows,), removed ones included."""
        found: list[str] = [""] * len(rows)
        for number, at in self._by_shard(rows):
            names = self.shards[number].ids.take(rows[at] - self.starts[number])
            for position, name in zip(at.tolist(), names, strict=True):
                found[position] = name
        return found

    def vectors(self, rows: Rows) -> Vectors:
        """Give the stored vectors of rows: float32 array of shape (rows, dimension)."""
        found = np.empty((len(rows), self.version.dimension), np.float32)
        for number, at in self._by_shard(rows):
            found[at] = self.shards[number].vectors[rows[at] - self.starts[number]]
        return found

    def find(self, ids: Sequence[str]) -> dict[str, Rows]:
        """Find ids: their rows in each shard that has some and has not removed them.

        All ids of the index are looked at once, however many are asked for.

        Returns:
            Sorted int64 arrays of rows within the shard, by the shard's name: what
            :meth:`Removed.also` takes.

        """
        found = {
            shard.name: np.setdiff1d(shard.ids.find(ids), shard.removed, assume_unique=True)
            for shard in self.shards
        }
        return {name: rows for name, rows in found.items() if len(rows)}

    def _by_shard(self, rows: Rows) -> list[tuple[int, Rows]]:
        if len(self.shards) == 1:
            return [(0, np.arange(len(rows)))]
        numbers = np.searchsorted(self.starts, rows, side="right") - 1
        return [(int(one), np.flatnonzero(numbers == one)) for one in np.unique(numbers)]


def open_index(folder: Path, version: IndexVersion, *, model: str, revision: str) -> OpenIndex:
    """Open a version of an index whose files are in a folder.

    Sizes of files are checked, not their content: see :func:`storage.index.shard.verify_digests`.

    Args:
        folder: where the version's shards are.
        version: of a record of :mod:`storage.index_store`.
        model: what the queries are embedded with.
        revision: of that model.

    Raises:
        UsageError: the version has no shards.
        IndexMismatchError: the index was embedded with another model, or a shard is of another
            format, dimension or training than the version or the other shards.
        IndexDamagedError: a file is missing, cut short or not FAISS's.

    """
    check_model(version, model=model, revision=revision)
    if not version.shards:
        raise UsageError("The index has no shards: nothing was added to it.")
    removed = Removed() if version.removed is None else read_removed(folder / version.removed)
    shards = [_open_shard(folder, name, removed) for name in version.shards]
    for shard in shards:
        if shard.record.dimension != version.dimension:
            raise IndexMismatchError(
                f"Shard {shard.name} has vectors of {shard.record.dimension} dimensions, and the "
                f"index of {version.dimension}."
            )
        if shard.record.trained != shards[0].record.trained:
            raise IndexMismatchError(
                f"Shard {shard.name} was built from another trained index than "
                f"{shards[0].name}. Build one of them again."
            )
    return OpenIndex(version, shards)


def check_model(version: IndexVersion, *, model: str, revision: str) -> None:
    """Check that queries are embedded as an index was.

    Raises:
        IndexMismatchError: with another model, or another revision of it.

    """
    if (version.model, version.revision) != (model, revision):
        raise IndexMismatchError(
            f"The index holds vectors of {version.model} at revision {version.revision}, and the "
            f"queries are of {model} at {revision}. Embed both with the same model."
        )


def _open_shard(folder: Path, name: str, removed: Removed) -> OpenShard:
    path = folder / name
    record = read_shard_record(path)
    index = _read_index(path, record)
    rows = removed.of(name)
    if len(rows) and not 0 <= rows[0] <= rows[-1] < record.count:
        raise IndexDamagedError(f"The list of removed rows has rows that shard {name} has not.")
    vectors = map_vectors(path, record, record.count)
    return OpenShard(
        name=name,
        record=record,
        index=index,
        rescoring=None
        if _scores_stored_vectors(index, record)
        else FAISS.IndexRefine(index, index_in_place(vectors)),
        vectors=vectors,
        ids=IdFile.map(path / OFFSETS, path / TEXT, record.count),
        removed=rows,
        selector=_all_but(rows, record.count) if len(rows) else None,
    )


def _scores_stored_vectors(index: Any, record: ShardRecord) -> bool:
    """Whether FAISS's own scores are those of the stored vectors, pair by pair.

    In inverted lists they are, where the codes are those very vectors. A flat index multiplies
    matrices, which rounds a pair by what stands beside it.
    """
    return record.kind == "ivf" and record.stored_as == "float32" and traits_of(index).exact


def _read_index(path: Path, record: ShardRecord) -> Any:
    try:
        if record.kind == "ivf":
            index = read_lists_mapped(path)
        else:
            index = FAISS.read_index(str(path / INDEX), FAISS.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise IndexDamagedError(
            f"{path / INDEX} is no index that FAISS can read. Build or fetch it again."
        ) from error
    if index.ntotal != record.count or index.d != record.dimension:
        raise IndexDamagedError(f"{path / INDEX} is not the index that its record describes.")
    return index


def _all_but(rows: Rows, count: int) -> Any:
    """FAISS's selector of all rows but some: one bit a row."""
    bits = np.zeros(count, bool)
    bits[rows] = True
    packed = np.packbits(bits, bitorder="little")
    return FAISS.IDSelectorNot(FAISS.IDSelectorBitmap(packed))
