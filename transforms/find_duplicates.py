"""The end of a search for duplicates: clusters over all that is committed, as a Beam step."""

from collections.abc import Iterator

import apache_beam as beam

from schemas.manifest import RunManifest
from storage.duplicates.clusters import Nearness
from storage.duplicates.search import search_duplicates
from storage.store import open_store
from transforms.settings import RunSettings, SignSettings
from transforms.tally import tally_of


class FindDuplicates(beam.DoFn):
    """A committed run's manifest in, and out again once its duplicates are found.

    It may run any number of times. Of a run that was stopped nothing is looked for: most of what
    a keep-list of it would leave out had only not been reached.
    """

    def __init__(self, *, work: SignSettings, settings: RunSettings) -> None:
        self._work = work
        self._settings = settings

    def process(self, manifest: RunManifest) -> Iterator[RunManifest]:
        """Find the duplicates among all pictures up to the commit."""
        if manifest.state == "done":
            tally_of(self._settings.run_id).searching = True
            nearness = Nearness(
                max_difference=self._work.max_difference,
                min_similarity=self._work.min_similarity,
            )
            search_duplicates(open_store(self._settings.out), manifest, nearness)
        yield manifest
