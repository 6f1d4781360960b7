"""Loading the pictures that rows name beside their own, batch by batch."""

import threading
import weakref
from collections.abc import Iterable

from schemas.asset import Asset, Image
from schemas.errors import RowError
from storage.catalog.split import CatalogRow
from storage.load_images import ImageLoader
from storage.load_settings import LoadSettings


class RowPictures:
    """Loads pictures by uri, each of a batch once. Threads may share one.

    Its helper processes are started by the first picture: most jobs have none.
    """

    def __init__(self, settings: LoadSettings) -> None:
        self._settings = settings
        self._loader: ImageLoader | None = None
        self._starting = threading.Lock()

    def load(self, uris: Iterable[str]) -> dict[str, Image | RowError]:
        """Load pictures; what cannot be loaded comes as its error.

        Args:
            uris: absolute ones.

        """
        once = list(dict.fromkeys(uris))
        if not once:
            return {}
        with self._starting:
            if self._loader is None:
                self._loader = ImageLoader(self._settings)
                # Models are let go of, not closed.
                weakref.finalize(self, self._loader.close)
        rows = [
            CatalogRow(position=number, asset=Asset(asset_id=uri, uri=uri))
            for number, uri in enumerate(once)
        ]
        loaded: dict[str, Image | RowError] = {}
        for row, image, _ in self._loader.load(rows, ""):
            assert image is not None
            loaded[row.asset.uri] = image
        return loaded
