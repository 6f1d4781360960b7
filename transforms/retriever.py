"""A dual encoder and an index, loaded: vectors of queries, and what lies nearest to them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.embedding import Embedder, load_embedder
from models.source import ModelSource
from schemas.errors import WorkerError
from storage.index.ids import Rows
from storage.index.opened import OpenIndex, open_index
from storage.index.search import search_rows
from storage.index.settings import SearchSettings
from storage.index_rows import IndexRows
from storage.index_store import IndexRecord, is_complete, latest_record, local_index
from storage.store import Store, open_store
from transforms.settings import NeighborSettings

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hits:
    """What was found for one query, the best first.

    Attributes:
        rows: of the index: int64 array of shape (hits,).
        scores: inner products: float32 array of that shape.

    """

    rows: Rows
    scores: Vectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Retriever:
    """What a worker searches with.

    Attributes:
        search: parameters, tuned when the index was built.

    """

    embedder: Embedder
    index: OpenIndex
    rows: IndexRows
    search: SearchSettings

    def nearest(self, queries: Sequence[Vectors], count: int) -> list[Hits]:
        """Find what lies nearest to vectors of length 1, all of them at once.

        Args:
            queries: float32 arrays of shape (dimension,).
            count: hits of each at most.

        """
        if not queries:
            return []
        scores, rows = search_rows(self.index, np.stack(queries), count, self.search)
        ends = (rows >= 0).sum(axis=1).tolist()
        return [
            Hits(rows=one[:end], scores=score[:end])
            for one, score, end in zip(rows, scores, ends, strict=True)
        ]


def load_retriever(work: NeighborSettings) -> Retriever:
    """Load the dual encoder, and open the version of the index that the run began with.

    Raises:
        CalummaError: one of them is not as it was when the run began.

    """
    store = open_store(work.index)
    record = latest_record(store, upto=work.index_version)
    if record is None or record.token != work.index_token:
        raise WorkerError(
            f"The index {work.index} is not the one that the run began with: it was removed or "
            "built anew, or lies on another machine. Run the same command again, with an index "
            "that all machines can read."
        )
    if not is_complete(store, record):
        raise WorkerError(
            f"Version {record.number} of the index {work.index}, which the run began with, is not "
            "there any more: its shards were merged with those of later nights, and deleted a week "
            "after. Run the same command again; it searches the newest version."
        )
    return open_retriever(
        store, record, work.source, device=work.device or None, dtype=work.dtype or None
    )


def open_retriever(
    store: Store,
    record: IndexRecord,
    source: ModelSource,
    *,
    device: str | None = None,
    dtype: str | None = None,
) -> Retriever:
    """Open a version of an index, and load its dual encoder.

    Args:
        store: of the index.
        record: the version.
        source: the dual encoder.
        device: a torch device; None picks one.
        dtype: a torch dtype's name, of the model; None picks one.

    Raises:
        CalummaError: the index is damaged or of another model, or the model cannot be loaded.

    """
    folder = local_index(store, record)
    index = open_index(folder, record.version, model=source.name, revision=source.revision)
    card = record.version.card
    return Retriever(
        embedder=load_embedder(source, device=device, dtype=dtype),
        index=index,
        rows=IndexRows(folder, index),
        search=card.settings if card else SearchSettings(),
    )
