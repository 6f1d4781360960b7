"""Which kind of index suits a catalog: from its size, the memory there is, and the recall wanted.

What FAISS offers is narrowed to what can be added to and merged. HNSW and RaBitQ are taken only if
asked for by their factory strings: an HNSW cannot be merged, and one that is the same every time is
built on one thread; RaBitQ takes more memory than fast-scan codes that find as much.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from schemas.errors import UsageError
from storage.index.kinds import Traits, new_index, traits_of

SMALL = 20_000
"""Up to so many vectors, looking at all of them is as fast as anything."""

CERTAIN = 0.999
"""More recall than this has only looking at all vectors."""

_MAX_CLUSTERS = 1 << 16
_TRAINING_PER_CLUSTER = 64
_TRAINING_OF_CODES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChoice:
    """An index to train.

    Attributes:
        factory: FAISS's description of it.
        dimension: of the vectors.
        clusters: of an IVF index; 0 elsewhere.
        bytes_per_vector: estimated, in memory while it is searched. Stored vectors stay on disk.
        rescored: whether its codes are approximate, so that the best candidates are scored again
            from the stored vectors.
        training_vectors: how many a sample for training should have; 0 where none is needed.
        why: one sentence.

    """

    factory: str
    dimension: int
    clusters: int
    bytes_per_vector: float
    rescored: bool
    training_vectors: int
    why: str


class _Option(NamedTuple):
    factory: str
    reaches: float  # recall@10 to be counted on, after re-scoring
    why: str


def choose_index(
    *,
    count: int,
    dimension: int,
    memory_bytes: int,
    recall_target: float = 0.95,
    factory: str | None = None,
) -> IndexChoice:
    """Choose the kind of index for a number of vectors.

    Args:
        count: vectors of the whole index.
        dimension: of each.
        memory_bytes: what the index may take while it is searched, all shards together.
        recall_target: recall@10 that is wanted; 1.0 for exact search.
        factory: a FAISS factory string that is taken instead of a choice.

    Raises:
        UsageError: an argument is out of range, the factory string is not usable or has more
            clusters than there are vectors, or nothing fits the memory.

    """
    if count < 1 or dimension < 1:
        raise UsageError("An index needs one vector or more, of one dimension or more.")
    if not 0 < recall_target <= 1:
        raise UsageError(f"The recall to reach must be above 0 and at most 1, not {recall_target}.")
    if factory is not None:
        choice = _weigh(factory, count, dimension, asked_for(factory))
        if _total(choice, count) > memory_bytes:
            raise UsageError(
                f"{factory} takes {_size(_total(choice, count))} for {count:,} vectors, and "
                f"{_size(memory_bytes)} are allowed. Allow more, or leave the choice to Calumma."
            )
        return choice
    smallest: IndexChoice | None = None
    for option in _options(count, dimension, recall_target):
        if option.reaches < recall_target:
            continue
        choice = _weigh(option.factory, count, dimension, option.why)
        if _total(choice, count) <= memory_bytes:
            return choice
        if smallest is None or choice.bytes_per_vector < smallest.bytes_per_vector:
            smallest = choice
    assert smallest is not None
    raise UsageError(
        f"No index of {count:,} vectors with a recall of {recall_target} fits "
        f"{_size(memory_bytes)}: the smallest, {smallest.factory}, takes "
        f"{_size(_total(smallest, count))}. Allow more memory, or ask for less recall."
    )


def asked_for(factory: str) -> str:
    """Why an index is of a kind that was not chosen here."""
    return f"{factory} was asked for."


def _options(count: int, dimension: int, recall_target: float) -> Iterator[_Option]:
    """The kinds there are, the preferred one first: each takes less memory than those before."""
    if count <= SMALL:
        yield _Option("Flat", 1.0, f"{count:,} vectors are few enough to look at all of them.")
    elif recall_target > CERTAIN:
        yield _Option("Flat", 1.0, "Only looking at all vectors finds all neighbours for certain.")
    clusters = cluster_count(count)
    yield _Option(
        f"IVF{clusters},Flat",
        CERTAIN,
        f"There is memory for {count:,} whole vectors, of which {clusters:,} clusters spare most.",
    )
    yield _Option(
        f"IVF{clusters},SQ8",
        0.995,
        "There is memory for one byte a dimension; the best are scored again from the vectors.",
    )
    for width, reaches in ((2, 0.98), (4, 0.95), (8, 0.8)):
        if dimension % width == 0:
            yield _Option(
                f"IVF{clusters},PQ{dimension // width}x4fsr",
                reaches,
                f"There is memory for half a byte for each {width} dimensions; the best are scored "
                "again from the vectors.",
            )


def cluster_count(count: int) -> int:
    """How many clusters suit a number of vectors: a power of two near four times its root.

    Each has about 39 vectors or more, which is what FAISS's k-means wants, and there are never
    more than 65,536: beyond that training takes days.
    """
    near = 1 << round(math.log2(4 * math.sqrt(count)))
    most = 1 << (max(count // 39, 1).bit_length() - 1)
    return min(near, most, _MAX_CLUSTERS)


def _weigh(factory: str, count: int, dimension: int, why: str) -> IndexChoice:
    traits = traits_of(new_index(factory, dimension))
    if traits.kind == "ivf" and not 0 < traits.clusters <= count:
        raise UsageError(
            f"{factory} has {traits.clusters:,} clusters, which is more than the {count:,} vectors "
            f"there are. Use {cluster_count(count):,} clusters or fewer."
        )
    return IndexChoice(
        factory=factory,
        dimension=dimension,
        clusters=traits.clusters,
        bytes_per_vector=traits.bytes_per_vector + traits.clusters * dimension * 4 / count,
        rescored=not traits.exact,
        training_vectors=_training_vectors(traits, count),
        why=why,
    )


def _training_vectors(traits: Traits, count: int) -> int:
    if not traits.needs_training:
        return 0
    wanted = _TRAINING_PER_CLUSTER * traits.clusters
    if not traits.exact:
        wanted = max(wanted, _TRAINING_OF_CODES)
    return min(count, wanted)


def _total(choice: IndexChoice, count: int) -> int:
    return math.ceil(choice.bytes_per_vector * count)


def _size(size: int) -> str:
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**power:
            return f"{size / 10**power:.3g} {unit}"
    return f"{size} bytes"
