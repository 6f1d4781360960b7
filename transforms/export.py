"""Writing pictures beside the table, as Beam steps after the commit."""

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.manifest import RunManifest
from storage.export_pictures import export_part
from storage.export_plan import PartToExport, plan_export
from storage.store import open_store
from transforms.settings import RunSettings
from transforms.tally import tally_of


@dataclass(kw_only=True, eq=False)
class ExportPictures(beam.PTransform[PCollection[RunManifest], PCollection[PartToExport]]):
    """Write all pictures of a committed run's table that are not where they are to be.

    What earlier runs left is written too. Workers share the parts of the table, and any step may
    be done again.
    """

    settings: RunSettings

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, manifest: PCollection[RunManifest]) -> PCollection[PartToExport]:
        """Plan, shuffle the parts' names, write; gives the parts once they are written."""
        parts: PCollection[PartToExport] = (
            manifest
            | "PlanExport" >> beam.ParDo(_PlanExport(self.settings))
            | "ShuffleParts" >> beam.Reshuffle()
            | "ExportParts" >> beam.ParDo(_ExportPart(self.settings))
        )
        return parts


class _PlanExport(beam.DoFn):
    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings

    def process(self, manifest: RunManifest) -> Iterator[PartToExport]:
        settings = self._settings
        parts = plan_export(open_store(settings.out), manifest.table, settings.folders)
        tally_of(settings.run_id).parts_to_export = len(parts)
        yield from parts


class _ExportPart(beam.DoFn):
    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings

    def process(self, part: PartToExport) -> Iterator[PartToExport]:
        export_part(open_store(self._settings.out), part, self._settings.folders)
        tally = tally_of(self._settings.run_id)
        with tally.lock:
            tally.parts_exported += 1
        yield part
