"""Planning an index build: what goes in, of which kind the index is, and its training."""

from collections.abc import Iterator, Sequence
from typing import Literal

import apache_beam as beam
import numpy as np
from apache_beam import pvalue
from numpy.typing import NDArray

from schemas.errors import UsageError
from storage.embeddings import (
    EmbeddingFile,
    EmbeddingSet,
    find_embeddings,
    open_embeddings,
    read_vectors,
    superseded_rows,
)
from storage.index.choose import IndexChoice, choose_index
from storage.index.errors import IndexMismatchError
from storage.index.train import train_index
from storage.index.vectors import vector_faults
from storage.index_builds import stage_build
from storage.index_store import IndexRecord, latest_record, name_of
from storage.latest import read_history
from storage.store import Store, open_store
from transforms.index_settings import BuildPlan, IndexSettings, PartRows, ShardPlan
from transforms.tally import tally_of

ROWS_PER_SHARD = 500_000
"""What a worker holds in memory while it builds: some hundred bytes a row, by the kind."""

_SEED = 20_230_905


class PlanIndex(beam.DoFn):
    """Settings in, shards to build out; the whole plan goes to the output ``plan``."""

    PLAN: Literal["plan"] = "plan"

    def process(
        self, settings: IndexSettings
    ) -> Iterator[ShardPlan | pvalue.TaggedOutput[Literal["plan"], BuildPlan]]:
        """Plan a build."""
        plan, shards = plan_build(settings)
        stage_build(
            open_store(settings.index),
            settings.run_id,
            rows=plan.rows,
            superseded=plan.superseded,
            shards=plan.shards,
        )
        tally = tally_of(settings.run_id)
        with tally.lock:
            tally.planned = plan.rows
            tally.planning_done = True
            tally.skipped = tally.passed = plan.superseded
        yield from shards
        yield pvalue.TaggedOutput(self.PLAN, plan)


def plan_build(settings: IndexSettings) -> tuple[BuildPlan, list[ShardPlan]]:
    """Find out what is new, train an index if there is none, and cut the rows into shards.

    Raises:
        CatalogError: there are no embeddings.
        UsageError: nothing fits the memory, or the factory string is of no use.
        IndexMismatchError: the vectors are of another model than the index's, or of something
            else of the assets.

    """
    runs = find_embeddings(settings.embeddings, settings.embeddings_upto)
    found = open_embeddings(runs)
    store = open_store(settings.index)
    base = None if settings.rebuild else latest_record(store, settings.index_upto)
    if base is not None:
        _check_same(base, found)
    old = set(base.parts) if base else set()
    # What was compacted of files that the index has taken in, it has taken in.
    replaced = read_history(open_store(runs.uri)).replacements
    files = [file for file in found.files if not replaced.is_covered(file.path, old.__contains__)]
    superseded = superseded_rows(runs.uri, files)
    rows = sum(file.rows for file in files)
    gone = sum(len(some) for some in superseded.values())
    choice = None
    if base is None:
        choice = choose_index(
            count=rows - gone,
            dimension=found.dimension,
            memory_bytes=settings.memory_bytes,
            recall_target=settings.recall,
            factory=settings.factory or None,
        )
        trained = _train(store, found, files, choice)
    else:
        trained = base.version.trained
    shards = [_shard_plan(found, trained, parts) for parts in _cut(files, superseded) if parts]
    card = base.version.card if base else None
    plan = BuildPlan(
        base=base.number if base else 0,
        trained=trained,
        factory=choice.factory if choice else (card.factory if card else ""),
        why=choice.why if choice else (card.why if card else ""),
        dimension=found.dimension,
        model=runs.model,
        revision=runs.revision,
        of=runs.of,
        shards=tuple(shard.name for shard in shards),
        # Those of other outputs too: run ids in their paths tell them apart, wherever they lie.
        parts=tuple(
            dict.fromkeys([*(base.parts if base else ()), *(file.path for file in found.files)])
        ),
        rows=rows,
        superseded=gone,
    )
    return plan, shards


def _check_same(base: IndexRecord, found: EmbeddingSet) -> None:
    version, runs = base.version, found.runs
    index = (version.model, version.revision, version.dimension)
    if index != (runs.model, runs.revision, found.dimension):
        raise IndexMismatchError(
            f"The index holds vectors of {version.model} at revision {version.revision}, of "
            f"{version.dimension} dimensions, and the embeddings are of {runs.model} at "
            f"{runs.revision}, of {found.dimension}. Build another index, or this one anew with "
            "--rebuild."
        )
    if version.modality != runs.of:
        raise IndexMismatchError(
            f"The index holds vectors made with --of {version.modality}, and the newest embeddings "
            f"of {runs.uri} were made with --of {runs.of}: one search would mix what is alike for "
            "different reasons. Build another index, or this one anew with --rebuild."
        )


def _train(
    store: Store, found: EmbeddingSet, files: Sequence[EmbeddingFile], choice: IndexChoice
) -> str:
    """Train an index, unless an earlier build that was ended has; give its path."""
    name = name_of(found.runs.uri, choice.factory, *(f"{file.path} {file.rows}" for file in files))
    path = f"trained/{name}.faiss"
    if not store.exists(path):
        sample = _sample(found, files, choice.training_vectors)
        store.put(path, train_index(sample, choice))
    return path


def _sample(
    found: EmbeddingSet, files: Sequence[EmbeddingFile], wanted: int
) -> NDArray[np.float32]:
    """A uniform sample of the rows, the same each time; rows that no index takes are left out."""
    total = sum(file.rows for file in files)
    if not wanted:
        return np.empty((0, found.dimension), np.float32)
    chosen = np.sort(np.random.default_rng(_SEED).choice(total, min(wanted, total), replace=False))
    sample = np.empty((len(chosen), found.dimension), np.float32)
    filled = start = 0
    for file in files:
        first, last = np.searchsorted(chosen, (start, start + file.rows))
        within = chosen[first:last] - start
        start += file.rows
        if not len(within):
            continue
        for batch in read_vectors(found.runs.uri, file, found.dimension):
            rows = within[(within >= batch.first) & (within < batch.first + len(batch.vectors))]
            vectors = batch.vectors[rows - batch.first]
            faults = vector_faults(vectors, found.dimension)
            vectors = np.delete(vectors, list(faults), axis=0)
            sample[filled : filled + len(vectors)] = vectors
            filled += len(vectors)
    if not filled:
        raise UsageError(f"{found.runs.uri} holds no vector that an index takes.")
    return sample[:filled]


def _cut(
    files: Sequence[EmbeddingFile], superseded: dict[str, NDArray[np.int64]]
) -> Iterator[tuple[PartRows, ...]]:
    """Cut the rows into shards, in order."""
    parts: list[PartRows] = []
    room = ROWS_PER_SHARD
    for file in files:
        gone = superseded.get(file.path, np.empty(0, np.int64))
        start = 0
        while start < file.rows:
            stop = min(file.rows, start + room)
            within = gone[(gone >= start) & (gone < stop)]
            parts.append(
                PartRows(file=file, start=start, stop=stop, superseded=tuple(within.tolist()))
            )
            room -= stop - start
            start = stop
            if not room:
                yield tuple(parts)
                parts, room = [], ROWS_PER_SHARD
    yield tuple(parts)


def _shard_plan(found: EmbeddingSet, trained: str, parts: tuple[PartRows, ...]) -> ShardPlan:
    return ShardPlan(
        name=name_of(trained, *parts),
        trained=trained,
        dimension=found.dimension,
        stored_as=found.stored_as,
        parts=parts,
    )
