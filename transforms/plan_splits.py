"""Cutting a catalog into splits, and saying how many there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import apache_beam as beam
from apache_beam import pvalue

from storage.catalog.plan import plan_splits
from storage.catalog.split import Split
from storage.layout import listing_folder
from storage.store import open_store
from transforms.settings import ReadSettings
from transforms.tally import tally_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All splits of a catalog. Always there, so it seeds the grouping before the commit: a run
    with nothing to do commits too.
    """

    splits: tuple[Split, ...]


class PlanSplits(beam.DoFn):
    """Read settings in, splits out; the whole plan goes to the output ``plan``."""

    PLAN: Literal["plan"] = "plan"

    def __init__(self, out: str, run_id: str) -> None:
        self._out = out
        self._run_id = run_id

    def process(
        self, read: ReadSettings
    ) -> Iterator[Split | pvalue.TaggedOutput[Literal["plan"], Plan]]:
        """Cut the catalog."""
        tally = tally_of(self._run_id)
        planned = []
        splits = plan_splits(
            read.catalog,
            read.columns,
            read.limit,
            open_store(self._out),
            listing_folder(self._run_id),
        )
        for split in splits:
            planned.append(split)
            with tally.lock:
                tally.planned += split.row_count
            yield split
        tally.planning_done = True
        yield pvalue.TaggedOutput(self.PLAN, Plan(splits=tuple(planned)))
