"""One helper process as its parent sees it: started, spoken to against the clock, replaced."""

import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from schemas.asset import Image
from schemas.errors import RowError, RunError
from schemas.failure import FailureKind
from storage.decoding.limits import DecodeLimits
from storage.decoding.protocol import (
    OUT_OF_MEMORY_STATUS,
    pack_messages,
    pack_request,
    take_message,
    unpack_reply,
    write_message,
)

_READ_BYTES = 1 << 20
_STARTS = 3
_SECONDS_TO_START = 120.0
_SECONDS_TO_END = 5.0
# Gone, or, after a decoder wrote where it should not, replying nonsense.
_NO_REPLY = (OSError, EOFError, ValueError, KeyError, TypeError, struct.error)


class HelperProcess:
    """One helper process; ``decode`` is for one thread at a time, ``end`` for any."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._closed = False
        self._changing = threading.Lock()
        self._start()

    @property
    def pid(self) -> int:
        """The process id; another one after a replacement."""
        return self._process.pid

    def decode(self, data: bytes, wanted_pixels: int | None) -> Image:
        """Decode a picture as decode_image does.

        Raises:
            RowError: what decode_image raises, timeout or crashed.
            RunError: the process cannot be started, or was ended.

        """
        found = self._decode(data, wanted_pixels)
        if isinstance(found, RowError):
            raise found
        return found

    def decode_all(
        self, pictures: Sequence[bytes], wanted_pixels: int | None
    ) -> list[Image | RowError]:
        """Decode pictures as decode_image does, each or what is wrong with it.

        All are sent before the first reply is there, for small ones take less time than turns do.

        Raises:
            RunError: the process cannot be started, or was ended.

        """
        self._await_ready()
        found: list[Image | RowError] = []
        try:
            for reply in self._exchange_all(pictures, wanted_pixels):
                found.append(_unpacked(reply))
        except (TimeoutError, *_NO_REPLY):
            # Which of those that are left it was, they tell one by one.
            self._replace()
        left = pictures[len(found) :]
        return [*found, *(self._decode(data, wanted_pixels) for data in left)]

    def _decode(self, data: bytes, wanted_pixels: int | None) -> Image | RowError:
        found = self._try(data, wanted_pixels)
        if isinstance(found, RowError) and found.kind is FailureKind.CRASHED:
            # The process may have been killed before the picture came to it, as the system does
            # that runs out of memory: a picture is to blame when its decoder crashes twice.
            found = self._try(data, wanted_pixels)
        return found

    def _try(self, data: bytes, wanted_pixels: int | None) -> Image | RowError:
        """Decode a picture, or give why the process had to be replaced."""
        self._await_ready()
        try:
            return _unpacked(self._exchange(data, wanted_pixels))
        except TimeoutError:
            self._replace()
            return RowError(
                FailureKind.TIMEOUT,
                f"Decoding took more than {self._limits.max_seconds:g} seconds. Raise "
                "--max-picture-seconds if the picture is meant to be that large.",
            )
        except _NO_REPLY:
            failure = self._post_mortem()
            self._replace()
            return failure

    def end(self) -> None:
        """Kill the process; it is not replaced."""
        with self._changing:
            self._closed = True
            self._kill()

    def _start(self) -> None:
        limits = self._limits
        numbers = (limits.max_bytes, limits.max_pixels, limits.max_memory, os.getpid())
        self._ready = False
        self._process = subprocess.Popen(
            # -P: a folder that happens to hold a PIL or a storage must not be imported from.
            [sys.executable, "-P", "-m", "storage.decoding.helper", *map(str, numbers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            # The parent's import path, so that a helper finds what its parent found, and no
            # threads of numpy's, whose stacks would count as memory.
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),  # noqa: PTH109
                "OPENBLAS_NUM_THREADS": "1",
            },
            # A group of its own, so that an interrupt of the terminal reaches the parent only.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = self._process.stdin.fileno()
        self._replies = self._process.stdout.fileno()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._replies, False)

    def _replace(self) -> None:
        with self._changing:
            if self._closed:
                raise RunError("The decoder pool is closed.")
            self._kill()
            self._start()

    def _kill(self) -> None:
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with suppress(OSError):
                    stream.close()

    def _await_ready(self) -> None:
        """Wait until the process has imported what it needs; its start is not the picture's time.

        Raises:
            RunError: it does not start, or was ended.

        """
        for _ in range(_STARTS):
            if self._process.poll() is not None:
                self._replace()  # it died while it had nothing to do
            if self._ready:
                return
            try:
                self._read(4, time.monotonic() + _SECONDS_TO_START)
            except (OSError, EOFError):
                continue
            self._ready = True
            return
        self._process.kill()
        raise RunError(
            f"A decoder process ({sys.executable} -m storage.decoding.helper) does not start; "
            "what it printed says why."
        )

    def _exchange(self, data: bytes, wanted_pixels: int | None) -> bytearray:
        """Send a request and read the reply, both against the clock."""
        deadline = time.monotonic() + self._limits.max_seconds
        writer = _DeadlineWriter(self._requests, deadline)
        write_message(writer, *pack_request(data, wanted_pixels))
        head = self._read(4, deadline)
        return self._read(struct.unpack("<I", head)[0], deadline)

    def _exchange_all(
        self, pictures: Sequence[bytes], wanted_pixels: int | None
    ) -> Iterator[bytearray]:
        """Send requests, and give the replies as they come, each in its time."""
        requests = [pack_request(data, wanted_pixels) for data in pictures]
        unsent = memoryview(pack_messages(requests))
        received = bytearray()
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        poll.register(self._requests, select.POLLOUT)
        left = len(pictures)
        deadline = time.monotonic() + self._limits.max_seconds
        while left:
            ready = poll.poll(max(deadline - time.monotonic(), 0) * 1000)
            if not ready:
                raise TimeoutError
            for descriptor, _ in ready:
                if descriptor == self._requests:
                    # Never more than the pipe takes: the process may wait for us to read.
                    with suppress(BlockingIOError):
                        unsent = unsent[os.write(descriptor, unsent) :]
                    if not unsent:
                        poll.unregister(descriptor)
                else:
                    received += self._read_some()
            while (reply := take_message(received)) is not None:
                yield reply
                left -= 1
                deadline = time.monotonic() + self._limits.max_seconds

    def _read_some(self, most: int = _READ_BYTES) -> bytes:
        """Read what there is; nothing if there is nothing yet.

        Raises:
            EOFError: the process is gone.

        """
        try:
            piece = os.read(self._replies, most)
        except BlockingIOError:
            return b""
        if not piece:
            raise EOFError
        return piece

    def _read(self, count: int, deadline: float) -> bytearray:
        received = bytearray()
        while len(received) < count:
            _wait(self._replies, select.POLLIN, deadline)
            received += self._read_some(min(count - len(received), _READ_BYTES))
        return received

    def _post_mortem(self) -> RowError:
        try:
            status = self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            said = "it replied nonsense"
        else:
            if status == OUT_OF_MEMORY_STATUS:
                return RowError(
                    FailureKind.OUT_OF_MEMORY,
                    f"Decoding the picture takes more than the {self._limits.max_memory >> 20} "
                    "MiB allowed. Make the picture smaller.",
                )
            said = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return RowError(
            FailureKind.CRASHED,
            f"The decoder crashed on this picture ({said}). Convert it with another "
            "program, then run with --only-failed.",
        )


def _unpacked(reply: bytearray) -> Image | RowError:
    try:
        return unpack_reply(reply)
    except RowError as error:
        return error


class _DeadlineWriter:
    """Writes to a pipe that does not block, until a deadline."""

    def __init__(self, descriptor: int, deadline: float) -> None:
        self._descriptor = descriptor
        self._deadline = deadline

    def write(self, data: bytes | memoryview) -> int:
        while True:
            _wait(self._descriptor, select.POLLOUT, self._deadline)
            with suppress(BlockingIOError):
                return os.write(self._descriptor, data)


def _wait(descriptor: int, event: int, deadline: float) -> None:
    """Wait for a descriptor; poll, for select ends at 1,024 open files."""
    poll = select.poll()
    poll.register(descriptor, event)
    remaining = deadline - time.monotonic()
    if remaining <= 0 or not poll.poll(remaining * 1000):
        raise TimeoutError
