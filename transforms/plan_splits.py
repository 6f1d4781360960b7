"""Cutting a catalog into splits, and saying how many there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import apache_beam as beam
from apache_beam import pvalue

from storage.catalog.plan import plan_splits
from storage.catalog.split import Split
from storage.layout import listing_folder, manifest_path
from storage.staged import stage_plan
from storage.store import Store, open_store
from storage.tokens import plan_tokens
from transforms.settings import ReadSettings, RunSettings
from transforms.tally import tally_of
from transforms.worker_checks import check_catalog_here, check_worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All splits of a catalog. Always there, so it seeds the grouping before the commit: a run
    with nothing to do commits too.
    """

    splits: tuple[Split, ...]


def splits_of(read: ReadSettings, store: Store, listing: str) -> Iterator[Split]:
    """Cut what is to be read into splits.

    Args:
        store: where the listing of a folder of pictures is kept.
        listing: the folder in it.

    """
    if read.tokens is not None:
        return plan_tokens(read.catalog, read.tokens, read.limit)
    return plan_splits(read.catalog, read.columns, read.limit, store, listing)


class PlanSplits(beam.DoFn):
    """Read settings in, splits out; the whole plan goes to the output ``plan``."""

    PLAN: Literal["plan"] = "plan"

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings

    def process(
        self, read: ReadSettings
    ) -> Iterator[Split | pvalue.TaggedOutput[Literal["plan"], Plan]]:
        """Cut the catalog."""
        run_id = self._settings.run_id
        store = open_store(self._settings.out)
        check_worker(store, self._settings)
        if store.exists(manifest_path(run_id)):
            # Submitted again, or outrun by another launcher: nothing is left to do.
            yield pvalue.TaggedOutput(self.PLAN, Plan(splits=()))
            return
        check_catalog_here(read.catalog)
        tally = tally_of(run_id)
        planned = []
        for split in splits_of(read, store, listing_folder(run_id)):
            planned.append(split)
            with tally.lock:
                tally.planned += split.row_count
            yield split
        tally.planning_done = True
        stage_plan(store, run_id, planned)
        yield pvalue.TaggedOutput(self.PLAN, Plan(splits=tuple(planned)))
