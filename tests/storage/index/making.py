"""Vectors in clusters, and indexes of them."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from storage.index.build import Batch, build_shard
from storage.index.choose import IndexChoice, choose_index
from storage.index.opened import OpenIndex, open_index
from storage.index.removed import Removed, write_removed
from storage.index.settings import SearchSettings
from storage.index.train import train_index
from storage.index.vectors import Vectors
from storage.index.version import IndexVersion

MODEL, REVISION = "clip", "abc"
EVERYTHING = SearchSettings(nprobe=1 << 20, ef_search=2000, factor=1 << 20)
"""So far that every vector is scored."""


def normalised(vectors: np.ndarray) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def clustered(count: int, dimension: int, seed: int, *, clusters: int = 500) -> Vectors:
    """Unit vectors around centres that do not depend on the seed."""
    centres = normalised(np.random.default_rng(7).normal(size=(clusters, dimension)))
    generator = np.random.default_rng(seed)
    around = centres[generator.integers(0, clusters, count)]
    return normalised(around + generator.normal(0, 1.0 / dimension**0.5, (count, dimension)))


def names(count: int, start: int = 0) -> list[str]:
    return [f"picture-{number}" for number in range(start, start + count)]


def in_batches(ids: Sequence[str], vectors: Vectors, size: int = 4096) -> Iterator[Batch]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size], vectors[start : start + size]


def a_choice(factory: str, count: int, dimension: int) -> IndexChoice:
    return choose_index(count=count, dimension=dimension, memory_bytes=1 << 40, factory=factory)


_trained: dict[tuple[str, bytes], bytes] = {}


def trained_on(factory: str, vectors: Vectors) -> bytes:
    """Train an index, once for the same vectors."""
    key = (factory, hashlib.blake2b(vectors.tobytes()).digest())
    if key not in _trained:
        choice = a_choice(factory, *vectors.shape)
        _trained[key] = train_index(vectors[: choice.training_vectors], choice)
    return _trained[key]


def opened(
    folder: Path, shards: Sequence[str], dimension: int, *, removed: Removed | None = None
) -> OpenIndex:
    """Open shards that were built in a folder."""
    if removed is not None:
        write_removed(folder / "removed.json", removed)
    version = IndexVersion(
        model=MODEL,
        revision=REVISION,
        modality="image",
        dimension=dimension,
        trained="trained.faiss",
        shards=tuple(shards),
        removed=None if removed is None else "removed.json",
    )
    return open_index(folder, version, model=MODEL, revision=REVISION)


def an_index(
    folder: Path, factory: str, vectors: Vectors, cuts: Sequence[int] = (), *, name: str = "shard"
) -> OpenIndex:
    """Build an index in shards that are cut at some rows, and open it."""
    trained = trained_on(factory, vectors)
    ids = names(len(vectors))
    edges = [0, *cuts, len(vectors)]
    shards = []
    for number, (start, end) in enumerate(itertools.pairwise(edges)):
        shards.append(f"{name}-{number}")
        build_shard(
            trained,
            in_batches(ids[start:end], vectors[start:end]),
            folder / shards[-1],
            stored_as="float32",
        )
    return opened(folder, shards, vectors.shape[1])


class Nearest(NamedTuple):
    scores: Vectors
    rows: np.ndarray


def brute_force(vectors: Vectors, queries: Vectors, k: int) -> Nearest:
    """What is nearest, by numpy in float64, as the ids of ``names`` break ties."""
    scores = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return Nearest(np.take_along_axis(scores, rows, axis=1).astype(np.float32), rows)


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    """Recall: the share of the true rows that were found, whatever their order."""
    shares = [
        len(set(some.tolist()) & set(all_.tolist())) / len(all_)
        for some, all_ in zip(found, truth, strict=True)
    ]
    return float(np.mean(shares))
