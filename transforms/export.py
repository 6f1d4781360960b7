"""Writing pictures beside the table, as a Beam step after the commit."""

from collections.abc import Iterator

import apache_beam as beam

from schemas.manifest import RunManifest
from storage.export_pictures import export_pictures
from storage.store import open_store
from transforms.settings import RunSettings


class ExportPictures(beam.DoFn):
    """A committed run's manifest in, and out again once all committed pictures are written.

    It may run any number of times, and writes what earlier runs left, too.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings

    def process(self, manifest: RunManifest) -> Iterator[RunManifest]:
        """Write the pictures of the table."""
        store = open_store(self._settings.out)
        export_pictures(store, manifest.table, self._settings.folders)
        yield manifest
