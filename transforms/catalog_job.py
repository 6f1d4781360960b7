"""A whole job over a catalog as one transform: a fused stage between two small shuffles."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from apache_beam.pvalue import PBegin, PCollection

from schemas.errors import UsageError
from schemas.manifest import RunManifest
from storage.catalog.split import Split
from storage.export_plan import PictureFolders
from storage.parts import SplitRecord
from storage.runs import Run
from transforms.commit import CommitRun
from transforms.export import ExportPictures
from transforms.find_duplicates import FindDuplicates
from transforms.list_verdicts import ListVerdicts
from transforms.plan_splits import PlanSplits
from transforms.read_splits import ReadSplits
from transforms.settings import (
    FilterSettings,
    ReadSettings,
    RunSettings,
    SignSettings,
    WorkSettings,
)
from transforms.work_handler import work_handler
from transforms.write_parts import WriteParts


@dataclass(kw_only=True, eq=False)
class CatalogJob(beam.PTransform[PBegin, PCollection[RunManifest]]):
    """Caption a catalog's pictures, answer questions about them or embed them, into a folder.

    Gives the manifest of the committed run, one element; pictures are written beside the table
    from then on.

    Attributes:
        resource_hints: Beam's, such as ``accelerator`` and ``min_ram``, for the steps that do the
            work. They stand on all of those, for a hint on one alone would break their fusion.

    Raises:
        UsageError: a setting is out of range; raised before the graph exists.

    """

    read: ReadSettings
    work: WorkSettings
    settings: RunSettings
    run: Run
    resource_hints: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        if self.work.batch_size < 1:
            raise UsageError(f"The batch size must be at least 1, not {self.work.batch_size}.")
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
            >> beam.ParDo(PlanSplits(self.settings)).with_outputs(PlanSplits.PLAN, main="splits")
        )
        stage: beam.PTransform[PCollection[Split], PCollection[SplitRecord]] = _FusedStage(
            read=self.read, work=self.work, settings=self.settings, run=self.run
        )
        if self.resource_hints:
            stage = stage.with_resource_hints(**self.resource_hints)
        records = plan["splits"] | "ShuffleSplits" >> beam.Reshuffle() | "Work" >> stage
        manifest: PCollection[RunManifest] = (
            (plan[PlanSplits.PLAN], records)
            | "PlanAndRecords" >> beam.Flatten()
            | "Together" >> beam.WithKeys(None)
            | "ShuffleRecords" >> beam.GroupByKey()
            | "Commit"
            >> beam.ParDo(
                CommitRun(read=self.read, work=self.work, settings=self.settings, run=self.run)
            )
        )
        if isinstance(self.work, SignSettings):
            manifest = manifest | "FindDuplicates" >> beam.ParDo(
                FindDuplicates(work=self.work, settings=self.settings)
            )
        if isinstance(self.work, FilterSettings):
            manifest = manifest | "ListVerdicts" >> beam.ParDo(ListVerdicts(settings=self.settings))
        if self.settings.folders != PictureFolders():
            _ = manifest | "ExportPictures" >> ExportPictures(settings=self.settings)
        return manifest


@dataclass(kw_only=True, eq=False)
class _FusedStage(beam.PTransform[PCollection[Split], PCollection[SplitRecord]]):
    """The heavy steps, which are one stage: read, ask the model, write."""

    read: ReadSettings
    work: WorkSettings
    settings: RunSettings
    run: Run

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, splits: PCollection[Split]) -> PCollection[SplitRecord]:
        """Read splits, give their rows to the model, write parts."""
        handler = work_handler(
            self.work, self.settings.run_id, self.settings.out
        ).with_no_batching()
        records: PCollection[SplitRecord] = (
            splits
            | "ReadSplits"
            >> beam.ParDo(
                ReadSplits(read=self.read, work=self.work, settings=self.settings, run=self.run)
            )
            | self.work.step >> RunInference(handler)
            | "WriteParts" >> beam.ParDo(WriteParts(work=self.work, run=self.settings))
        )
        return records
