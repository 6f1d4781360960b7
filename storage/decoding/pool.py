"""A pool of helper processes that decode pictures: what hangs or crashes costs one picture."""

import queue
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from schemas.asset import Image
from schemas.errors import RowError
from storage.decoding.limits import DecodeLimits
from storage.decoding.process import HelperProcess


class DecoderPool:
    """Decodes pictures in helper processes; thread-safe, a context manager.

    Helpers start at once and in the background; one that had to be killed is replaced.

    Args:
        helpers: how many processes.
        limits: on each picture.

    """

    def __init__(self, helpers: int, limits: DecodeLimits) -> None:
        self._limits = limits
        self._all = [HelperProcess(limits) for _ in range(helpers)]
        self._free: queue.LifoQueue[HelperProcess] = queue.LifoQueue()
        for helper in self._all:
            self._free.put(helper)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """The helpers' process ids."""
        return tuple(helper.pid for helper in self._all)

    def decode(self, data: bytes, wanted_pixels: int | None) -> Image:
        """Decode a picture as decode_image does; waits for a free helper.

        Raises:
            RowError: what decode_image raises, timeout or crashed.
            RunError: helpers cannot be started, or the pool is closed.

        """
        self._limits.check_bytes(len(data))
        helper = self._free.get()
        try:
            return helper.decode(data, wanted_pixels)
        finally:
            self._free.put(helper)

    def decode_all(
        self, pictures: Sequence[bytes], wanted_pixels: int | None
    ) -> list[Image | RowError]:
        """Decode small pictures together: each, or what decode says is wrong with it.

        Raises:
            RunError: helpers cannot be started, or the pool is closed.

        """
        helper = self._free.get()
        try:
            return helper.decode_all(pictures, wanted_pixels)
        finally:
            self._free.put(helper)

    def close(self) -> None:
        """End the helpers; what they are decoding ends with RunError."""
        for helper in self._all:
            helper.end()
