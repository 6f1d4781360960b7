"""A helper process: reads pictures from standard input, writes what became of them.

Requests and replies are a four-byte length and that many bytes; an empty reply says that the
helper is ready. It imports only what decoding needs, so that it starts in a fraction of a second.
"""

import os
import resource
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from schemas.errors import RowError
from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits
from storage.decoding.protocol import (
    OUT_OF_MEMORY_STATUS,
    pack_error,
    pack_image,
    read_message,
    unpack_request,
    write_message,
)

_SECONDS_BETWEEN_LOOKS = 1.0


def serve(requests: BinaryIO, replies: BinaryIO, limits: DecodeLimits) -> None:
    """Answer requests until there are no more."""
    while (request := read_message(requests)) is not None:
        data, wanted_pixels = unpack_request(request)
        reply: tuple[bytes | memoryview, ...]
        try:
            reply = pack_image(decode_image(data, limits=limits, wanted_pixels=wanted_pixels))
        except RowError as error:
            reply = pack_error(error)
        write_message(replies, *reply)


def main() -> None:
    """Run as ``python -m storage.decoding.helper MAX_BYTES MAX_PIXELS MAX_MEMORY PARENT``."""
    max_bytes, max_pixels, max_memory, parent = map(int, sys.argv[1:])
    # The parent decides when to end: an interrupt of the terminal is for it alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    limits = DecodeLimits(max_bytes=max_bytes, max_pixels=max_pixels, max_memory=max_memory)
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    # What the libraries print of a damaged picture must break neither protocol nor log.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    write_message(replies)
    os.dup2(nowhere, 2)
    limit_memory(max_memory)
    try:
        with suppress(BrokenPipeError):
            serve(sys.stdin.buffer, replies, limits)
    except MemoryError:
        os._exit(OUT_OF_MEMORY_STATUS)


def limit_memory(max_memory: int) -> None:
    """Let this process take so many bytes more than it has; no core files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):  # macOS has no /proc and refuses a limit on address space
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + max_memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _watch_parent(parent: int) -> None:
    """End with the parent, even in the middle of a picture.

    Linux could signal the parent's death, but it means the death of the thread that started us,
    and worker threads come and go.
    """
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(0)


if __name__ == "__main__":
    main()
