"""The whole describing job as one transform: a fused stage between two small shuffles."""

from dataclasses import dataclass

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from apache_beam.pvalue import PBegin, PCollection

from schemas.errors import UsageError
from schemas.manifest import RunManifest
from storage.runs import Run
from transforms.commit import CommitRun
from transforms.describe import DescribingHandler
from transforms.plan_splits import PlanSplits
from transforms.read_splits import ReadSplits
from transforms.settings import DescribeSettings, ReadSettings, RunSettings
from transforms.write_parts import WriteParts


@dataclass(kw_only=True, eq=False)
class DescribeCatalog(beam.PTransform[PBegin, PCollection[RunManifest]]):
    """Caption a catalog's pictures, or answer questions about them, into an output folder.

    Gives the manifest of the committed run, one element.

    Raises:
        UsageError: a setting is out of range; raised before the graph exists.

    """

    read: ReadSettings
    describe: DescribeSettings
    settings: RunSettings
    run: Run

    def __post_init__(self) -> None:
        super().__init__()
        if self.describe.batch_size < 1:
            raise UsageError(f"The batch size must be at least 1, not {self.describe.batch_size}.")
        if not 0.0 <= self.settings.max_failure_rate <= 1.0:
            raise UsageError(
                "The failure limit is a fraction from 0 to 1, not "
                f"{self.settings.max_failure_rate}."
            )

    def expand(self, begin: PBegin) -> PCollection[RunManifest]:
        """Plan, shuffle splits, do the work, shuffle records, commit."""
        plan = (
            begin
            | "Catalog" >> beam.Create([self.read])
            | "PlanSplits"
            >> beam.ParDo(PlanSplits(self.settings.out, self.run.run_id)).with_outputs(
                PlanSplits.PLAN, main="splits"
            )
        )
        handler = DescribingHandler(self.describe, self.run.run_id).with_no_batching()
        records = (
            plan["splits"]
            | "ShuffleSplits" >> beam.Reshuffle()
            | "ReadSplits"
            >> beam.ParDo(
                ReadSplits(
                    read=self.read, describe=self.describe, settings=self.settings, run=self.run
                )
            )
            | "Describe" >> RunInference(handler)
            | "WriteParts" >> beam.ParDo(WriteParts(describe=self.describe, run=self.settings))
        )
        manifest: PCollection[RunManifest] = (
            (plan[PlanSplits.PLAN], records)
            | "PlanAndRecords" >> beam.Flatten()
            | "Together" >> beam.WithKeys(None)
            | "ShuffleRecords" >> beam.GroupByKey()
            | "Commit"
            >> beam.ParDo(
                CommitRun(
                    read=self.read, describe=self.describe, settings=self.settings, run=self.run
                )
            )
        )
        return manifest
