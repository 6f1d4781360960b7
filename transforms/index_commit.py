"""The end of an index build: shards merged, ids replaced, parameters tuned, a version committed."""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import apache_beam as beam
import numpy as np

from schemas.errors import CalummaError, CountMismatchError
from schemas.manifest import Counts
from storage.id_list import read_ids
from storage.index.card import IndexCard
from storage.index.ids import Rows
from storage.index.measure import measure_card
from storage.index.opened import OpenIndex, open_index
from storage.index.removed import Removed, read_removed, write_removed
from storage.index.tune import tune
from storage.index.version import IndexVersion
from storage.index_builds import forget_builds
from storage.index_shards import SHARDS, delete_shard, shard_name
from storage.index_store import IndexRecord, Retired, commit_record, latest_record, name_of
from storage.layout import RUNS
from storage.store import Store, open_store
from transforms.index_merge import merge_newest
from transforms.index_removal import any_found, local_folder, opened_version, remove_rows
from transforms.index_settings import BuildPlan, IndexSettings, ShardDone

KEEP_SECONDS = 7 * 86_400.0
"""How long shards stay that the newest version does not name: jobs may be searching one before, and
a build that was ended may go on."""

_QUERIES = 500
_SEED = 20_230_905


class CommitIndex(beam.DoFn):
    """The plan and all shards in, the committed version out."""

    def __init__(self, settings: IndexSettings) -> None:
        self._settings = settings

    def process(
        self, grouped: tuple[None, Iterable[BuildPlan | ShardDone]]
    ) -> Iterator[IndexRecord]:
        """Commit a build."""
        items = list(grouped[1])
        (plan,) = {item for item in items if isinstance(item, BuildPlan)}
        done = {item.name: item for item in items if isinstance(item, ShardDone)}
        yield commit_build(self._settings, plan, done)


def commit_build(
    settings: IndexSettings, plan: BuildPlan, done: dict[str, ShardDone]
) -> IndexRecord:
    """Make the version of a build, or give the one before where nothing is new.

    Raises:
        CountMismatchError: rows in are not those indexed, failed and superseded.
        RunError: another build has committed meanwhile.

    """
    store = open_store(settings.index)
    newest = latest_record(store)
    if newest is not None and newest.run_id == settings.run_id:
        # A step may be repeated, also one that was done.
        return newest
    shards = [done[name] for name in plan.shards]
    counts = Counts(
        rows_in=plan.rows,
        rows_out=sum(shard.vectors for shard in shards),
        failed=sum(shard.failed for shard in shards),
        skipped=plan.superseded,
    )
    if not counts.balanced:
        raise CountMismatchError(
            f"Of {counts.rows_in} rows {counts.rows_out} were indexed, {counts.failed} failed and "
            f"{counts.skipped} were superseded. Nothing was committed."
        )
    base = latest_record(store, plan.base) if plan.base else None
    gone = read_ids(settings.removed_ids) if settings.removed_ids else []
    with tempfile.TemporaryDirectory(prefix="calumma-index-") as name:
        scratch = Path(name)
        if (
            base is not None
            and _is_all_there(settings, plan, base)
            and not any_found(store, base.version, gone, scratch)
        ):
            # Jobs that search would take the same index by another number for another index.
            forget_builds(store)
            return base
        old = base.version.shards if base else ()
        new = [f"{SHARDS}/{shard.name}" for shard in shards if shard.vectors]
        version = IndexVersion(
            model=plan.model,
            revision=plan.revision,
            modality=plan.of,
            dimension=plan.dimension,
            trained=plan.trained,
            shards=(*old, *new),
            removed=base.version.removed if base else None,
        )
        removal = remove_rows(store, version, len(old), gone, scratch)
        merged = merge_newest(store, version.trained, old, new, removal.rows, scratch)
        version = replace(version, shards=merged.shards, removed=None)
        if merged.removed.rows:
            write_removed(scratch / "removed.json", merged.removed)
            path = f"removed/{name_of((scratch / 'removed.json').read_text())}.json"
            store.put_file(path, scratch / "removed.json")
            version = replace(version, removed=path)
        if version.shards:
            version = replace(version, card=_measured(settings, store, version, plan, scratch))
    retired = _retired(store, newest, version)
    record = commit_record(
        store,
        IndexRecord(
            number=settings.index_upto + 1,
            token="",
            run_id=settings.run_id,
            version=version,
            parts=plan.parts,
            counts=counts,
            embeddings=settings.embeddings,
            removed_ids=removal.told,
            retired=retired,
        ),
    )
    # After the commit, which only one of several builds wins; what a death leaves here is listed.
    _delete_unread(store, retired, newest, plan)
    forget_builds(store)
    return record


def _is_all_there(settings: IndexSettings, plan: BuildPlan, base: IndexRecord) -> bool:
    """Whether the version before holds what a build would add; also where parts were compacted."""
    card = base.version.card
    return (
        not plan.rows
        and (settings.embeddings == base.embeddings or _has_runs(base.embeddings))
        and (card is None or card.target == settings.recall)
    )


def _has_runs(output: str) -> bool:
    """Whether an output is there. A version that names one that was moved is to name it anew."""
    try:
        return any(open_store(output).entries(RUNS))
    except (OSError, CalummaError):
        return False


def _retired(
    store: Store, newest: IndexRecord | None, version: IndexVersion
) -> tuple[Retired, ...]:
    """The shards that are there and that a version does not name."""
    since = {one.shard: one.at for one in (newest.retired if newest else ())}
    now = time.time()
    folders = [f"{SHARDS}/{name}" for name in store.folders(SHARDS)]
    return tuple(
        Retired(shard=folder, at=since.get(folder, now))
        for folder in folders
        if folder not in version.shards
    )


def _delete_unread(
    store: Store, retired: Sequence[Retired], newest: IndexRecord | None, plan: BuildPlan
) -> None:
    """Delete shards that nobody reads: retired long ago, or merged by the build that made them.

    Others may be of a version that a job is searching, or of a build that goes on.
    """
    before = newest.version.shards if newest else ()
    known = {*before, *(one.shard for one in (newest.retired if newest else ()))}
    made = {f"{SHARDS}/{name}" for name in plan.shards} - known
    oldest = time.time() - KEEP_SECONDS
    for one in retired:
        if one.at < oldest or one.shard in made:
            delete_shard(store, shard_name(one.shard))


def _measured(
    settings: IndexSettings, store: Store, version: IndexVersion, plan: BuildPlan, scratch: Path
) -> IndexCard | None:
    """Tune and measure with vectors of the index that are held out of it meanwhile.

    Returns:
        None where there are too few to hold any out.

    """
    whole = opened_version(store, version, scratch)
    count = min(_QUERIES, len(whole) // 2)
    if not count:
        return None
    chosen = _rows_of(whole, np.random.default_rng(_SEED).choice(len(whole), count, replace=False))
    queries = whole.vectors(chosen)
    held_out = _holding_out(whole, chosen, store, version, scratch)
    tuned = tune(held_out, queries, target=settings.recall)
    card = measure_card(
        held_out,
        queries,
        factory=plan.factory,
        why=plan.why,
        settings=tuned.settings,
        target=settings.recall,
    )
    return replace(card, count=len(whole))


def _rows_of(index: OpenIndex, places: Rows) -> Rows:
    """The rows at some places among those that are not removed, ascending; no list of all."""
    removed = np.concatenate(
        [
            start + shard.removed
            for shard, start in zip(index.shards, index.starts.tolist(), strict=False)
        ]
    )
    places = np.sort(places)
    # As many removed rows lie before a place as have no more places before them than it has.
    return places + np.searchsorted(removed - np.arange(len(removed)), places, side="right")


def _holding_out(
    whole: OpenIndex, rows: Rows, store: Store, version: IndexVersion, scratch: Path
) -> OpenIndex:
    """Open the index again, with some rows removed besides."""
    folder = local_folder(store, version, scratch)
    removed = Removed()
    if version.removed is not None:
        removed = read_removed(folder / version.removed)
    numbers = np.searchsorted(whole.starts, rows, side="right") - 1
    more = {
        version.shards[number]: rows[numbers == number] - whole.starts[number]
        for number in np.unique(numbers).tolist()
    }
    path = scratch / "held-out.json"
    write_removed(path, removed.also(more))
    # An absolute path stands for itself, whatever folder it is joined to.
    return open_index(
        folder,
        replace(version, removed=str(path)),
        model=version.model,
        revision=version.revision,
    )
