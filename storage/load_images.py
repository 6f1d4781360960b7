"""Loading pictures ahead of the model: fetched in threads, decoded apart, given in order."""

import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from schemas.asset import Image
from schemas.failure import Stage
from storage.catalog.split import CatalogRow
from storage.fetching.policy import resolve_uri, scheme_of
from storage.load_budget import Budget
from storage.load_settings import LoadSettings
from storage.picture_reader import Picture, PictureReader, Read

_LOOK_AHEAD_ROWS = 512
_LOOK_AHEAD_BYTES = 256 << 20
_MOST_HELPERS = 8
# Rows that one thread loads, where their pictures are at hand, and how large those are that it
# decodes together: handing small pictures from thread to thread and to a process and back takes
# longer than they do.
_GROUP_ROWS = 16
_SMALL_BYTES = 64 << 10
# What a small picture counts for until its pixels are there.
_RESERVED_BYTES = 1 << 20

Loaded = tuple[CatalogRow, Picture, Stage]


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiting:
    """A row whose picture is on its way."""

    number: int
    row: CatalogRow
    read: "Future[Read]" = field(default_factory=Future)


class ImageLoader:
    """Loads the pictures of catalog rows; a context manager.

    At most 512 rows are ready or on their way, and no picture is begun while 256 MiB are ready.
    """

    def __init__(self, settings: LoadSettings) -> None:
        self._pictures = settings.pictures
        helpers = settings.decode_helpers or _helpers_of_this_machine()
        if settings.pictures == "none":
            helpers = 0
        self._reader = PictureReader(settings, helpers)
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
        self._reader.close()

    def load(self, rows: Iterable[CatalogRow], folder: str) -> Iterator[Loaded]:
        """Load the rows' pictures ahead, and give them in the rows' order.

        Args:
            rows: read only as far ahead as pictures are loaded.
            folder: what relative uris start from.

        """
        if self._pictures == "none":
            # Handing a row to a thread takes longer than finding that there is nothing to load.
            for row in rows:
                yield row, *self._reader.read(row, folder)
            return
        waiting: deque[_Waiting] = deque()
        budget = Budget(_LOOK_AHEAD_BYTES)
        numbered = enumerate(rows)
        together = max(1, min(_GROUP_ROWS, _LOOK_AHEAD_ROWS // (2 * _GROUP_ROWS)))
        given = -1
        try:
            while True:
                if len(waiting) <= _LOOK_AHEAD_ROWS - together:
                    room = _LOOK_AHEAD_ROWS - len(waiting)
                    ahead = [
                        _Waiting(number=number, row=row)
                        for number, row in itertools.islice(numbered, room)
                    ]
                    waiting += ahead
                    for group in _groups(ahead, together, folder):
                        self._begin(group, folder, budget)
                if not waiting:
                    return
                given += 1
                budget.need(given)
                one = waiting.popleft()
                image, stage = one.read.result()
                budget.add(-bytes_of(image))
                yield one.row, image, stage
        finally:
            for one in waiting:
                one.read.cancel()
            budget.need(given + 1 + len(waiting))

    def _begin(self, group: Sequence[_Waiting], folder: str, budget: Budget) -> None:
        def forget(loading: "Future[None]") -> None:
            if loading.cancelled():  # the loader was closed before a thread came to it
                for one in group:
                    one.read.cancel()

        self._threads.submit(self._load, group, folder, budget).add_done_callback(forget)

    def _load(self, group: Sequence[_Waiting], folder: str, budget: Budget) -> None:
        """Load rows one after another, but small pictures together."""
        small: list[tuple[_Waiting, bytes]] = []
        try:
            for one in group:
                if not one.read.set_running_or_notify_cancel():
                    continue
                if small and not budget.has_room():
                    self._decode(small, folder, budget)
                budget.wait(one.number)
                fetched = self._reader.fetch(one.row, folder)
                if not isinstance(fetched, bytes):
                    _give(one, fetched, budget)
                elif len(group) > 1 and len(fetched) <= _SMALL_BYTES:
                    budget.add(_RESERVED_BYTES)
                    small.append((one, fetched))
                else:
                    _give(one, self._reader.decode(one.row, fetched, folder), budget)
            if small:
                self._decode(small, folder, budget)
        except BaseException as error:  # noqa: BLE001 - whoever waits for a row is told
            for one in group:
                with suppress(InvalidStateError):  # it is there already, or wanted no more
                    one.read.set_exception(error)

    def _decode(self, small: list[tuple[_Waiting, bytes]], folder: str, budget: Budget) -> None:
        found = self._reader.decode_all([(one.row, data) for one, data in small], folder)
        for (one, _), read in zip(small, found, strict=True):
            _give(one, read, budget)
        budget.add(-_RESERVED_BYTES * len(small))
        small.clear()


def _give(one: _Waiting, read: Read, budget: Budget) -> None:
    budget.add(bytes_of(read[0]))
    one.read.set_result(read)


def _groups(ahead: Sequence[_Waiting], together: int, folder: str) -> Iterator[Sequence[_Waiting]]:
    """What one thread each loads: some rows where that takes no waiting, else one."""
    for at_hand, some in itertools.groupby(ahead, lambda one: _is_at_hand(one.row, folder)):
        rows, count = list(some), together if at_hand else 1
        for start in range(0, len(rows), count):
            yield rows[start : start + count]


def _is_at_hand(row: CatalogRow, folder: str) -> bool:
    if row.problem is not None or row.data is not None:
        return True
    return scheme_of(resolve_uri(row.asset.uri, folder)) == "file"


def bytes_of(picture: Picture) -> int:
    """Bytes of a picture's pixels."""
    return picture.pixels.nbytes if isinstance(picture, Image) else 0


def _helpers_of_this_machine() -> int:
    return min(_MOST_HELPERS, os.cpu_count() or 1)
