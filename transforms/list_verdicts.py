"""The end of a filter: the list of what is kept of all that is committed, as a Beam step."""

from collections.abc import Iterator

import apache_beam as beam

from schemas.manifest import RunManifest
from storage.list_kept import list_kept
from storage.store import open_store
from transforms.settings import RunSettings


class ListVerdicts(beam.DoFn):
    """A committed run's manifest in, and out again once what it keeps is listed.

    It may run any number of times. Of a run that was stopped nothing is listed: most of what such
    a list would leave out had only not been reached.
    """

    def __init__(self, *, settings: RunSettings) -> None:
        self._settings = settings

    def process(self, manifest: RunManifest) -> Iterator[RunManifest]:
        """List what is kept up to the commit."""
        if manifest.state == "done":
            list_kept(open_store(self._settings.out), manifest)
        yield manifest
