"""Loading pictures ahead of the model: fetched in threads, decoded apart, given in order."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from schemas.asset import Image
from schemas.errors import RowError
from schemas.failure import FailureKind, Stage
from storage.catalog.split import CatalogRow
from storage.decoding.pool import DecoderPool
from storage.fetching.fetch import Fetcher
from storage.fetching.policy import resolve_uri
from transforms.settings import ReadSettings

_LOOK_AHEAD_ROWS = 512
_LOOK_AHEAD_BYTES = 256 << 20

Loaded = tuple[CatalogRow, Image | RowError, Stage]


class ImageLoader:
    """Loads the pictures of catalog rows; a context manager.

    At most 512 rows or 256 MiB of pictures, whichever is less, are ready or on their way.
    """

    def __init__(self, settings: ReadSettings) -> None:
        self._wanted_pixels = settings.wanted_pixels
        self._fetcher = Fetcher(settings.policy)
        self._decoders = DecoderPool(settings.decode_helpers, settings.limits)
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
        waiting: deque[tuple[CatalogRow, Future[tuple[Image | RowError, Stage]]]] = deque()
        ready_bytes = 0

        def count(future: Future[tuple[Image | RowError, Stage]]) -> None:
            nonlocal ready_bytes
            if not future.cancelled() and future.exception() is None:
                ready_bytes += _bytes_of(future.result()[0])

        remaining = iter(rows)
        more = True
        try:
            while True:
                while more and len(waiting) < _LOOK_AHEAD_ROWS and ready_bytes < _LOOK_AHEAD_BYTES:
                    row = next(remaining, None)
                    if row is None:
                        more = False
                        break
                    future = self._threads.submit(self.load_one, row, folder)
                    future.add_done_callback(count)
                    waiting.append((row, future))
                if not waiting:
                    return
                row, future = waiting.popleft()
                image, stage = future.result()
                ready_bytes -= _bytes_of(image)
                yield row, image, stage
        finally:
            for _, future in waiting:
                future.cancel()

    def load_one(self, row: CatalogRow, folder: str) -> tuple[Image | RowError, Stage]:
        """Fetch and decode one row's picture; problems come back as values."""
        if row.problem is not None:
            return row.problem, Stage.READ
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
            return error, stage


def _bytes_of(image: Image | RowError) -> int:
    return 0 if isinstance(image, RowError) else image.pixels.nbytes
