"""What the workers of an index build need to know. Pickled into the pipeline: plain values only."""

from dataclasses import dataclass
from typing import Literal

from storage.embeddings import EmbeddingFile


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """How an index is built.

    Attributes:
        embeddings: output of the embedding job.
        embeddings_upto: number of the last commit there that is looked at. What a build takes in
            is settled before it begins: its steps may be repeated.
        index: where the index is, or is to be.
        index_upto: number of its newest version; 0 for none.
        memory_bytes: what it may take while it is searched.
        recall: recall@10 that is wanted.
        factory: FAISS's description of it; empty to have it chosen.
        rebuild: whether what is there is left out of account, and all is trained anew.
        removed_ids: file of ids to remove; empty for none.
        run_id: of this build, under which its progress is counted.

    """

    embeddings: str
    embeddings_upto: int
    index: str
    index_upto: int
    run_id: str
    memory_bytes: int
    recall: float
    factory: str = ""
    rebuild: bool = False
    removed_ids: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRows:
    """Rows of a part of the embeddings, from ``start`` to ``stop``.

    Attributes:
        superseded: positions among them of rows that a later row of the same asset replaces.

    """

    file: EmbeddingFile
    start: int
    stop: int
    superseded: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPlan:
    """A shard to build. Small: it is what crosses a shuffle.

    Attributes:
        name: hash of what goes in.
        trained: path of the trained index.
        stored_as: number format of the stored vectors.

    """

    name: str
    trained: str
    dimension: int
    stored_as: Literal["float16", "float32"]
    parts: tuple[PartRows, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """A whole build. Always there, so it seeds the grouping before the commit.

    Attributes:
        base: number of the version that it adds to; 0 for none.
        why: of the choice, one sentence; empty where vectors are added to what is there.
        parts: of the embeddings, by path, that the version will have taken in, those of the base
            included.

    """

    base: int
    trained: str
    factory: str
    why: str
    dimension: int
    model: str
    revision: str
    of: str
    shards: tuple[str, ...]
    parts: tuple[str, ...]
    rows: int
    superseded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardDone:
    """A shard that is in its place.

    Attributes:
        vectors: in it; ``failed``: rows that it could not take.

    """

    name: str
    vectors: int
    failed: int
