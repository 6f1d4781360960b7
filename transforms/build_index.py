"""Building an index as one transform: plan and train, shards in parallel, commit."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection

from schemas.errors import UsageError
from storage.index_store import IndexRecord
from transforms.index_build import BuildShards
from transforms.index_commit import CommitIndex
from transforms.index_plan import PlanIndex
from transforms.index_settings import IndexSettings


@dataclass(kw_only=True, eq=False)
class BuildIndex(beam.PTransform[PBegin, PCollection[IndexRecord]]):
    """Build a FAISS index over an embedding job's vectors, or add what is new to one.

    Gives the committed version, one element.

    Attributes:
        resource_hints: Beam's, such as ``min_ram``, for the steps that do the work.

    Raises:
        UsageError: a setting is out of range; raised before the graph exists.

    """

    settings: IndexSettings
    resource_hints: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        if not 0 < self.settings.recall <= 1:
            raise UsageError(
                f"The recall to reach is above 0 and at most 1, not {self.settings.recall}."
            )

    def expand(self, begin: PBegin) -> PCollection[IndexRecord]:
        """Plan, shuffle shards, build them, bring them together, commit."""
        plan = (
            begin
            | "Embeddings" >> beam.Create([self.settings])
            | "PlanIndex"
            >> beam.ParDo(PlanIndex()).with_outputs(  # type: ignore[no-untyped-call]
                PlanIndex.PLAN, main="shards"
            )
        )
        done = (
            plan["shards"]
            | "ShuffleShards" >> beam.Reshuffle()
            | "BuildShards" >> beam.ParDo(BuildShards(self.settings))
        )
        record: PCollection[IndexRecord] = (
            (plan[PlanIndex.PLAN], done)
            | "PlanAndShards" >> beam.Flatten()
            | "Together" >> beam.WithKeys(None)
            | "ShuffleDone" >> beam.GroupByKey()
            | "CommitIndex" >> beam.ParDo(CommitIndex(self.settings))
        )
        return record
