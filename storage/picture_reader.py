"""Fetching and decoding the pictures of catalog rows: problems come back as values."""

from collections.abc import Sequence

from schemas.asset import Image
from schemas.errors import NoPictureError, RowError
from schemas.failure import FailureKind, Stage
from storage.catalog.split import CatalogRow
from storage.decoding.pool import DecoderPool
from storage.fetching.fetch import Fetcher
from storage.fetching.policy import resolve_uri
from storage.load_settings import LoadSettings

Picture = Image | RowError | None
"""A row's picture, or why there is none; None where none is needed."""

Read = tuple[Picture, Stage]
"""That, and the stage at which it was had or missed."""


class PictureReader:
    """Reads pictures; thread-safe.

    Args:
        helpers: processes that decode.

    """

    def __init__(self, settings: LoadSettings, helpers: int) -> None:
        self._pictures = settings.pictures
        self._wanted_pixels = settings.wanted_pixels
        self._fetcher = Fetcher(settings.policy)
        self._decoders = DecoderPool(helpers, settings.limits)

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of what decodes."""
        return self._decoders.pids

    def close(self) -> None:
        """End what decodes."""
        self._decoders.close()
        self._fetcher.close()

    def read(self, row: CatalogRow, folder: str) -> Read:
        """Fetch and decode a row's picture.

        Args:
            folder: what relative uris start from.

        """
        fetched = self.fetch(row, folder)
        return self.decode(row, fetched, folder) if isinstance(fetched, bytes) else fetched

    def fetch(self, row: CatalogRow, folder: str) -> bytes | Read:
        """Fetch a row's picture, encoded; or give why there is none."""
        if row.problem is not None or self._pictures == "none":
            spared = self._pictures != "needed" and isinstance(row.problem, NoPictureError)
            return None if spared else row.problem, Stage.READ
        if row.data is not None:
            return row.data
        try:
            return self._fetcher.fetch(resolve_uri(row.asset.uri, folder))
        except RowError as error:
            return self._told(error, Stage.FETCH)

    def decode(self, row: CatalogRow, data: bytes, folder: str) -> Read:
        """Decode a row's picture."""
        try:
            return self._decoders.decode(data, self._wanted_pixels), Stage.DECODE
        except RowError as error:
            return self._mended(row, data, folder, error)

    def decode_all(self, fetched: Sequence[tuple[CatalogRow, bytes]], folder: str) -> list[Read]:
        """Decode small pictures of rows, together."""
        found = self._decoders.decode_all([data for _, data in fetched], self._wanted_pixels)
        return [
            self._mended(row, data, folder, image)
            if isinstance(image, RowError)
            else (image, Stage.DECODE)
            for (row, data), image in zip(fetched, found, strict=True)
        ]

    def _mended(self, row: CatalogRow, data: bytes, folder: str, error: RowError) -> Read:
        """Read a picture again that seems to be cut short.

        Not every client notices a body cut short: ask whether it is the picture itself.
        """
        if error.kind is not FailureKind.TRUNCATED or row.data is not None:
            return self._told(error, Stage.DECODE)
        stage = Stage.DECODE
        try:
            again = self._fetcher.refetch(resolve_uri(row.asset.uri, folder), data)
            if again is None:
                return self._told(error, stage)
            return self._decoders.decode(again, self._wanted_pixels), stage
        except RowError as another:
            return self._told(another, stage)

    def _told(self, error: RowError, stage: Stage) -> Read:
        return None if self._pictures == "if at hand" else error, stage
