"""The kinds of FAISS index that shards are made of, and what differs between them."""

from dataclasses import dataclass
from typing import Any, Literal

import faiss
import numpy as np

from schemas.errors import UsageError

FAISS: Any = faiss
"""FAISS without its type stubs, which lack half of what is used here."""

Kind = Literal["flat", "ivf", "hnsw"]
"""How an index is searched: every code, the codes of the nearest clusters, or along a graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is known of an index before it holds anything.

    Attributes:
        clusters: of an IVF index; 0 elsewhere.
        bytes_per_vector: in memory while it is searched, clusters aside.
        exact: its codes are the vectors themselves, so it ranks as exact search does.
        needs_training: whether it learns from a sample.

    """

    kind: Kind
    clusters: int
    bytes_per_vector: float
    exact: bool
    needs_training: bool


def new_index(factory: str, dimension: int) -> Any:
    """Make an empty, untrained FAISS index for inner products.

    Raises:
        UsageError: FAISS does not know the factory string, or it is of a kind that cannot be a
            shard.

    """
    try:
        index = FAISS.index_factory(dimension, factory, FAISS.METRIC_INNER_PRODUCT)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().rpartition(": ")[2] or "unknown"
        raise UsageError(
            f"FAISS cannot make an index {factory!r} of {dimension} dimensions ({reason}). "
            "Try IVF1024,Flat or leave the choice to Calumma."
        ) from error
    kind_of(index)
    return index


def inner_index(index: Any) -> Any:
    """The index behind a rotation such as OPQ; the index itself where there is none."""
    index = FAISS.downcast_index(index)
    if isinstance(index, FAISS.IndexPreTransform):
        return FAISS.downcast_index(index.index)
    return index


def kind_of(index: Any) -> Kind:
    """Tell how an index is searched.

    Raises:
        UsageError: it is of a kind that cannot be a shard.

    """
    inner = inner_index(index)
    if isinstance(inner, FAISS.IndexIVF):
        return "ivf"
    if isinstance(inner, FAISS.IndexHNSW):
        return "hnsw"
    if isinstance(inner, FAISS.IndexFlatCodes | FAISS.IndexFastScan):
        return "flat"
    raise UsageError(
        f"An index of FAISS's kind {type(inner).__name__} cannot be searched in shards. Use a flat "
        "one, an IVF or an HNSW; ids and re-scoring are kept beside it, so IDMap and Refine are "
        "not needed."
    )


def traits_of(index: Any) -> Traits:
    """Say what an empty index will be like."""
    kind, inner = kind_of(index), inner_index(index)
    if kind == "ivf":
        size, clusters = inner.code_size + 8.0, int(inner.nlist)
    elif kind == "hnsw":
        links = inner.hnsw.nb_neighbors(1)
        # Links of the ground floor (2 M) and of the few floors above it, level and offset.
        size = inner.storage.sa_code_size() + 4 * (2 * links + links / (links - 1)) + 12
        clusters = 0
    else:
        size, clusters = float(inner.code_size), 0
    plain = (FAISS.IndexFlat, FAISS.IndexIVFFlat, FAISS.IndexHNSWFlat)
    return Traits(
        kind=kind,
        clusters=clusters,
        bytes_per_vector=size,
        exact=isinstance(inner, plain) and not isinstance(index, FAISS.IndexPreTransform),
        needs_training=not index.is_trained,
    )


def has_plain_lists(index: Any) -> bool:
    """Whether an IVF index has lists that can be searched and merged where they lie on disk.

    Fast-scan indexes interleave the codes of 32 vectors, which FAISS maps and merges in memory
    only.
    """
    lists = FAISS.downcast_InvertedLists(inner_index(index).invlists)
    return isinstance(lists, FAISS.ArrayInvertedLists | FAISS.OnDiskInvertedLists)


def load_trained(trained: bytes) -> Any:
    """Read a trained, empty index from what :func:`storage.index.train.train_index` gave."""
    return FAISS.deserialize_index(np.frombuffer(trained, dtype=np.uint8))
