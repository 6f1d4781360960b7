"""Building a shard: vectors are added to a copy of the trained index, a batch at a time."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from storage.index.errors import VectorError
from storage.index.ids import IdFile, IdWriter
from storage.index.kinds import FAISS, kind_of, load_trained
from storage.index.shard import (
    INDEX,
    OFFSETS,
    TEXT,
    VECTORS,
    ShardRecord,
    StoredAs,
    digest_of,
    new_shard_folder,
    write_shard_record,
)
from storage.index.vectors import Vectors, check_batch

Batch = tuple[Sequence[str], Vectors]
"""Ids, and as many vectors: float32 array of shape (ids, dimension)."""


def build_shard(
    trained: bytes, batches: Iterable[Batch], folder: Path, *, stored_as: StoredAs = "float16"
) -> ShardRecord:
    """Build a shard in a folder of its own.

    Vectors and ids go to their files as they come. What FAISS adds to stays in memory: the trained
    index, and ``IndexChoice.bytes_per_vector`` for each vector of the shard (up to twice that while
    its arrays grow). A million vectors a shard is a good measure. Batches of the same vectors in
    the same order give the same files; HNSW is therefore built on one thread.

    Args:
        trained: from :func:`storage.index.train.train_index`.
        batches: what to add. None at all makes an empty shard.
        folder: made if absent. What it holds after an error is to be thrown away.
        stored_as: type of the vectors that scores are computed from. float16 takes half the disk
            and leaves scores within about 0.0005 of float32's.

    Raises:
        UsageError: the folder is not empty.
        VectorError: a vector is not finite, not of length 1 or not of the index's dimension, or an
            id comes twice; the text names the id.

    """
    new_shard_folder(folder)
    index = load_trained(trained)
    with (
        (folder / VECTORS).open("wb") as vectors_file,
        (folder / OFFSETS).open("wb") as offsets,
        (folder / TEXT).open("wb") as text,
        _repeatable(index),
    ):
        writer = IdWriter(offsets, text)
        for ids, vectors in batches:
            check_batch(ids, vectors, index.d)
            writer.add(ids)
            index.add(vectors)
            vectors_file.write(vectors.astype(np.dtype(stored_as).newbyteorder("<")).tobytes())
    count = int(index.ntotal)
    doubled = IdFile.map(folder / OFFSETS, folder / TEXT, count).doubled()
    if doubled is not None:
        raise VectorError(f"The id {doubled!r} comes twice in the shard. Drop one of its vectors.")
    FAISS.write_index(index, str(folder / INDEX))
    return write_shard_record(
        folder,
        kind=kind_of(index),
        trained=digest_of(trained),
        dimension=index.d,
        count=count,
        stored_as=stored_as,
    )


@contextlib.contextmanager
def _repeatable(index: Any) -> Iterator[None]:
    """Add to a graph on one thread: on several, its links depend on who comes first."""
    if kind_of(index) != "hnsw":
        yield
        return
    threads = FAISS.omp_get_max_threads()
    FAISS.omp_set_num_threads(1)
    try:
        yield
    finally:
        FAISS.omp_set_num_threads(threads)
