"""The index job: from an embedding job's output to a version of an index."""

import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipelines.attend import attend
from pipelines.index_config import IndexConfig
from pipelines.locked_output import locked_output
from pipelines.progress import Progress
from pipelines.watch_build import BuildWatch
from reports.formatting import size
from runners.engine import Engine
from schemas.errors import RunError, UsageError
from storage.embeddings import EmbeddingRuns, find_embeddings
from storage.id_list import read_ids
from storage.index.choose import CERTAIN, SMALL, asked_for
from storage.index_builds import is_under_way
from storage.index_store import IndexRecord, latest_record
from storage.runs import new_run_id
from storage.store import Store
from storage.uris import absolute_uri
from transforms.build_index import BuildIndex
from transforms.index_settings import IndexSettings
from transforms.tally import begin_tally

# By which a recall may differ between one lot of held-out queries and another.
_TRIFLE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexJob:
    """A build that was checked and can be launched."""

    store: Store
    settings: IndexSettings
    to_remove: int | None = None
    notes: tuple[str, ...] = ()
    is_demonstration: bool = False

    @property
    def out(self) -> str:
        """Where it writes."""
        return self.settings.index

    def build(self, pipeline: beam.Pipeline, resource_hints: Mapping[str, str]) -> Any:
        """Add the build to a pipeline. A GPU is of no use to it."""
        del resource_hints
        return pipeline | "BuildIndex" >> BuildIndex(settings=self.settings)

    def watch(self) -> BuildWatch:
        """A watch of its progress, from what its workers write down."""
        return BuildWatch(self.store, self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What a build came to.

    Attributes:
        record: the newest version.
        is_new: whether the build made it; else there was nothing new.
        to_remove: how many ids it was told to remove; None where it was told of none.
        notes: sentences about what was asked for and is not so.

    """

    record: IndexRecord
    is_new: bool
    to_remove: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def removed(self) -> int:
        """How many of them were there."""
        return self.record.removed_ids if self.is_new else 0


def build_index(
    embeddings: str, index: str, config: IndexConfig, engine: Engine, progress: Progress
) -> Build:
    """Build an index, or add what is new to one.

    Args:
        engine: where it can run: see :func:`pipelines.open_engine.check_engine`.

    Raises:
        CalummaError: it cannot be built.
    """
    with _prepared(embeddings, index, config) as job:
        run_id = job.settings.run_id
        progress.begin(
            run_id,
            resumed=False,
            things="vectors",
            first="embeddings, training",
            last="merging, tuning, measuring",
        )
        attend(job, engine, progress, begin_tally(run_id))
        record = latest_record(job.store)
        ended = not is_under_way(job.store, run_id)
    is_new = record is not None and record.run_id == run_id
    if record is None or not (is_new or (record.number == job.settings.index_upto and ended)):
        raise RunError("The pipeline ended without a commit. Run the same command again.")
    notes = (*job.notes, *_outgrown(record, job.settings))
    return Build(record=record, is_new=is_new, to_remove=job.to_remove, notes=notes)


def hand_over_index(embeddings: str, index: str, config: IndexConfig, engine: Engine) -> str:
    """Give the pipeline of a build away, to be done by others and not waited for.

    Returns:
        The build's run id.

    Raises:
        CalummaError: it cannot be prepared or given away.
    """
    with _prepared(embeddings, index, config) as job:
        run_id = job.settings.run_id
        for note in job.notes:
            Progress().tell(note)
        attend(job, engine, Progress(quiet=True), begin_tally(run_id))
        return run_id


@contextmanager
def _prepared(embeddings: str, index: str, config: IndexConfig) -> Iterator[IndexJob]:
    """A build, while its index is locked."""
    embeddings, index = absolute_uri(embeddings), absolute_uri(index)
    if embeddings.rstrip("/") == index.rstrip("/"):
        raise UsageError("INDEX is the embeddings' own folder. Name another one for the index.")
    found = find_embeddings(embeddings)
    # Read here too, so that a mistake is told before the work.
    ids = read_ids(absolute_uri(config.remove)) if config.remove else None
    with locked_output(index) as store:
        newest = latest_record(store)
        settings = _settings(found, index, config, newest)
        to_remove = None if ids is None else len(ids)
        notes = () if newest is None or config.rebuild else _left_aside(config, newest)
        yield IndexJob(store=store, settings=settings, to_remove=to_remove, notes=notes)


def _settings(
    found: EmbeddingRuns, index: str, config: IndexConfig, newest: IndexRecord | None
) -> IndexSettings:
    return IndexSettings(
        embeddings=found.uri,
        embeddings_upto=found.commit,
        index=index,
        index_upto=newest.number if newest else 0,
        run_id=new_run_id(time.time()),
        memory_bytes=config.memory_bytes,
        recall=config.recall,
        factory=config.factory or "",
        rebuild=config.rebuild,
        removed_ids=absolute_uri(config.remove) if config.remove else "",
    )


def _left_aside(config: IndexConfig, base: IndexRecord) -> tuple[str, ...]:
    """What is told of options that choose an index, where there is one."""
    card = base.version.card
    there = card.factory if card else ""
    given = []
    if config.memory_bytes != IndexConfig().memory_bytes:
        given.append("--memory")
    if config.factory is not None and config.factory != there:
        given.append("--factory")
    if not given:
        return ()
    stays = f" ({there})" if there else ""
    note = (
        f"{' and '.join(given)} left aside: the index is there already and stays of its "
        f"kind{stays}. Choose it anew with --rebuild."
    )
    return (note,)


def _outgrown(record: IndexRecord, settings: IndexSettings) -> Iterator[str]:
    """What is told where vectors were added until an index should be of another kind."""
    card = record.version.card
    if not settings.index_upto or settings.rebuild or card is None:
        return
    taken = round(card.bytes_per_vector * card.count)
    if taken > settings.memory_bytes:
        yield (
            f"It takes {size(taken)} while it is searched, and {size(settings.memory_bytes)} are "
            "allowed. Have a smaller kind chosen with --rebuild, or allow more --memory."
        )
    elif (
        card.kind == "flat"
        and card.why != asked_for(card.factory)
        and card.count > SMALL
        and card.target < CERTAIN
    ):
        yield (
            f"Every query looks at all {card.count:,} vectors, which was quick while they were "
            "few. Have a kind with clusters chosen with --rebuild."
        )


def index_lines(build: Build, index: str) -> list[str]:
    """What is told of a build: what went in, what it is, what to type next."""
    record = build.record
    counts, card = record.counts, record.version.card
    took = f"{counts.rows_in} rows in = {counts.rows_out} out + {counts.failed} failed"
    lines = [f"{took} + {counts.skipped} superseded"]
    if not build.is_new:
        lines = [f"Nothing new: version {record.number} holds all of it."]
    if build.to_remove is not None:
        lines.append(
            f"Of {build.to_remove} ids to remove {build.removed} were there, and are found no more"
        )
    if card is None:
        lines.append("It holds too few vectors to measure.")
    else:
        size = f"{card.count} vectors of {card.dimension} dimensions"
        lines.append(f"{card.factory}, {size}, {card.bytes_per_vector:.0f} bytes each. {card.why}")
        reached = f"Recall of the ten nearest {card.recall[10]:.3f}, of {card.target:g} asked for"
        lines.append(f"{reached}; {card.milliseconds_per_query:.2f} ms a query")
        if card.recall[10] < card.target - _TRIFLE:
            lines.append(
                "That is less than was asked for, whatever the effort. Give it more --memory, or "
                "another --factory, with --rebuild."
            )
    lines += build.notes
    if counts.failed and build.is_new:
        lines.append(f"Reasons: {index.rstrip('/')}/failures/")
    lines.append(f"Index: {index.rstrip('/')}, version {record.number}")
    lines.append(f"Card: calumma report {shlex.quote(index)}")
    if record.version.shards:
        lines.append(f'Next: calumma search {shlex.quote(index)} "a red circle"')
    return lines
