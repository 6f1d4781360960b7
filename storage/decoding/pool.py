"""A pool of helper processes that decode pictures: what hangs or crashes costs one picture."""

import os
import queue
import select
import signal
import struct
import subprocess
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from schemas.asset import Image
from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.decoding.limits import DecodeLimits
from storage.decoding.protocol import pack_request, unpack_reply, write_message

_READ_BYTES = 1 << 20


class DecoderPool:
    """Decodes pictures in helper processes; thread-safe, a context manager.

    Helpers start at once and in the background; one that had to be killed is replaced.

    Args:
        helpers: how many processes.
        limits: on each picture.

    """

    def __init__(self, helpers: int, limits: DecodeLimits) -> None:
        self._limits = limits
        self._all = [_Helper(limits) for _ in range(helpers)]
        self._free: queue.LifoQueue[_Helper] = queue.LifoQueue()
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

        """
        if len(data) > self._limits.max_bytes:
            raise RowError(
                FailureKind.TOO_LARGE,
                f"The picture has {len(data):,} bytes, more than the limit of "
                f"{self._limits.max_bytes:,}. Raise --max-picture-bytes if it is meant to be.",
            )
        helper = self._free.get()
        try:
            return helper.decode(data, wanted_pixels)
        finally:
            self._free.put(helper)

    def close(self) -> None:
        """End the helpers."""
        for helper in self._all:
            helper.end()


class _Helper:
    """One helper process; used by one thread at a time."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._closed = False
        self._start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def decode(self, data: bytes, wanted_pixels: int | None) -> Image:
        if self._process.poll() is not None and not self._closed:
            self._restart()  # it died while it had nothing to do
        try:
            reply = self._exchange(data, wanted_pixels)
        except TimeoutError:
            self._restart()
            raise RowError(
                FailureKind.TIMEOUT,
                f"Decoding took more than {self._limits.max_seconds:g} seconds. Raise "
                "--max-picture-seconds if the picture is meant to be that large.",
            ) from None
        except (BrokenPipeError, EOFError, struct.error):
            code = self._end_code()
            self._restart()
            raise RowError(
                FailureKind.CRASHED,
                f"The decoder crashed on this picture ({code}). Convert it with another program.",
            ) from None
        return unpack_reply(reply)

    def end(self) -> None:
        self._closed = True
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with suppress(OSError):
                    stream.close()

    def _start(self) -> None:
        limits = self._limits
        numbers = (limits.max_bytes, limits.max_pixels, limits.max_memory, os.getpid())
        self._process = subprocess.Popen(
            [sys.executable, "-m", "storage.decoding.helper", *map(str, numbers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            # The parent's import path, so that a helper finds what its parent found; a group of
            # its own, so that an interrupt of the terminal reaches the parent only.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = self._process.stdin
        self._replies = self._process.stdout.fileno()
        os.set_blocking(self._requests.fileno(), False)
        os.set_blocking(self._replies, False)

    def _restart(self) -> None:
        closed = self._closed
        self.end()
        self._closed = closed
        if not closed:
            self._start()

    def _exchange(self, data: bytes, wanted_pixels: int | None) -> bytes:
        """Send a request and read the reply, both against the clock."""
        deadline = time.monotonic() + self._limits.max_seconds
        writer = _DeadlineWriter(self._requests.fileno(), deadline)
        write_message(writer, *pack_request(data, wanted_pixels))  # type: ignore[arg-type]
        head = self._read(4, deadline)
        return self._read(struct.unpack("<I", head)[0], deadline)

    def _read(self, count: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < count:
            _wait([self._replies], [], deadline)
            try:
                piece = os.read(self._replies, min(count - len(received), _READ_BYTES))
            except BlockingIOError:
                continue
            if not piece:
                raise EOFError
            received += piece
        return bytes(received)

    def _end_code(self) -> str:
        code = self._process.wait()
        if code < 0:
            return signal.Signals(-code).name
        return f"exit code {code}"


class _DeadlineWriter:
    """Writes to a pipe that does not block, until a deadline."""

    def __init__(self, descriptor: int, deadline: float) -> None:
        self._descriptor = descriptor
        self._deadline = deadline

    def write(self, data: bytes | memoryview) -> int:
        while True:
            _wait([], [self._descriptor], self._deadline)
            with suppress(BlockingIOError):
                return os.write(self._descriptor, data)


def _wait(readers: list[int], writers: list[int], deadline: float) -> None:
    remaining = deadline - time.monotonic()
    if remaining <= 0 or not any(select.select(readers, writers, [], remaining)):
        raise TimeoutError
