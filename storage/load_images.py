"""Loading pictures ahead of the model: fetched in threads, decoded apart, given in order."""

import itertools
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from schemas.asset import Image
from schemas.errors import NoPictureError, RowError
from schemas.failure import FailureKind, Stage
from storage.catalog.split import CatalogRow
from storage.decoding.pool import DecoderPool
from storage.fetching.fetch import Fetcher
from storage.fetching.policy import resolve_uri
from storage.load_settings import LoadSettings

_LOOK_AHEAD_ROWS = 512
_LOOK_AHEAD_BYTES = 256 << 20
_MOST_HELPERS = 8

Picture = Image | RowError | None
"""A row's picture, or why there is none; None where none is needed."""

Loaded = tuple[CatalogRow, Picture, Stage]


class ImageLoader:
    """Loads the pictures of catalog rows; a context manager.

    At most 512 rows are ready or on their way, and no picture is begun while 256 MiB are ready.
    """

    def __init__(self, settings: LoadSettings) -> None:
        self._pictures = settings.pictures
        self._wanted_pixels = settings.wanted_pixels
        self._fetcher = Fetcher(settings.policy)
        helpers = settings.decode_helpers or _helpers_of_this_machine()
        if settings.pictures == "none":
            helpers = 0
        self._decoders = DecoderPool(helpers, settings.limits)
        self._threads = ThreadPoolExecutor(settings.fetch_threads, thread_name_prefix="load-image")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and the helper processes."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._decoders.close()
        self._fetcher.close()

    def load(self, rows: Iterable[CatalogRow], folder: str) -> Iterator[Loaded]:
        """Load the rows' pictures ahead, and give them in the rows' order.

        Args:
            rows: read only as far ahead as pictures are loaded.
            folder: what relative uris start from.

        """
        if self._pictures == "none":
            # Handing a row to a thread takes longer than finding that there is nothing to load.
            for row in rows:
                yield row, *self.load_one(row, folder)
            return
        waiting: deque[tuple[CatalogRow, Future[tuple[Picture, Stage]]]] = deque()
        budget = _Budget()

        def load(number: int, row: CatalogRow) -> tuple[Picture, Stage]:
            budget.wait(number)
            image, stage = self.load_one(row, folder)
            budget.add(bytes_of(image))
            return image, stage

        numbered = enumerate(rows)
        given = -1
        try:
            while True:
                for number, row in itertools.islice(numbered, _LOOK_AHEAD_ROWS - len(waiting)):
                    waiting.append((row, self._threads.submit(load, number, row)))
                if not waiting:
                    return
                given += 1
                budget.need(given)
                row, future = waiting.popleft()
                image, stage = future.result()
                budget.add(-bytes_of(image))
                yield row, image, stage
        finally:
            for _, future in waiting:
                future.cancel()
            budget.need(given + 1 + len(waiting))

    def load_one(self, row: CatalogRow, folder: str) -> tuple[Picture, Stage]:
        """Fetch and decode one row's picture; problems come back as values."""
        spared = self._pictures != "needed" and isinstance(row.problem, NoPictureError)
        if row.problem is not None or self._pictures == "none":
            return None if spared else row.problem, Stage.READ
        stage = Stage.FETCH
        try:
            if row.data is not None:
                stage = Stage.DECODE
                return self._decoders.decode(row.data, self._wanted_pixels), stage
            uri = resolve_uri(row.asset.uri, folder)
            data = self._fetcher.fetch(uri)
            stage = Stage.DECODE
            try:
                return self._decoders.decode(data, self._wanted_pixels), stage
            except RowError as error:
                if error.kind is not FailureKind.TRUNCATED:
                    raise
                # Not every client notices a body cut short: ask whether it is the picture itself.
                again = self._fetcher.refetch(uri, data)
                if again is None:
                    raise
                return self._decoders.decode(again, self._wanted_pixels), stage
        except RowError as error:
            return None if self._pictures == "if at hand" else error, stage


class _Budget:
    """Lets pictures be loaded while those that are ready take less than the bound.

    The one that is needed next is always let through, or all would wait for it.
    """

    def __init__(self) -> None:
        self._ready = 0
        self._needed = -1
        self._changed = threading.Condition()

    def wait(self, number: int) -> None:
        """Wait until picture ``number`` may be loaded."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._ready < _LOOK_AHEAD_BYTES or number <= self._needed
            )

    def add(self, size: int) -> None:
        """Count a picture that is ready, or with a negative size one that was given away."""
        with self._changed:
            self._ready += size
            self._changed.notify_all()

    def need(self, number: int) -> None:
        """Let all pictures up to this one through."""
        with self._changed:
            self._needed = number
            self._changed.notify_all()


def bytes_of(picture: Picture) -> int:
    """Bytes of a picture's pixels."""
    return picture.pixels.nbytes if isinstance(picture, Image) else 0


def _helpers_of_this_machine() -> int:
    return min(_MOST_HELPERS, os.cpu_count() or 1)
