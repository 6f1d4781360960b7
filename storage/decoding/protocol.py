"""Messages between the decoder pool and its helper processes."""

import json
import struct
from collections.abc import Iterable
from typing import BinaryIO, Protocol

import numpy as np

from schemas.asset import Image
from schemas.errors import RowError
from schemas.failure import FailureKind

# The exit status of a helper that ran out of memory where it cannot reply.
OUT_OF_MEMORY_STATUS = 12

_COPIED_BYTES = 1 << 17

_LENGTH = struct.Struct("<I")
_WANTED = struct.Struct("<i")


class Writer(Protocol):
    """What messages are written to."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Write some of the data and say how many bytes."""


def write_message(stream: Writer, *pieces: bytes | memoryview) -> None:
    """Write one message of several pieces."""
    length = sum(map(len, pieces))
    pieces = (_LENGTH.pack(length), *pieces)
    if length <= _COPIED_BYTES:
        # Copying little is faster than calling the system for each piece.
        pieces = (b"".join(pieces),)
    for piece in pieces:
        remaining = memoryview(piece)
        while remaining:
            remaining = remaining[stream.write(remaining) :]


def read_message(stream: BinaryIO) -> bytes | None:
    """Read one message; None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None


def pack_request(data: bytes, wanted_pixels: int | None) -> tuple[bytes, bytes]:
    """A picture to decode."""
    return _WANTED.pack(-1 if wanted_pixels is None else wanted_pixels), data


def pack_messages(requests: Iterable[tuple[bytes, ...]]) -> bytes:
    """Several messages, one behind the other."""
    return b"".join(
        piece for pieces in requests for piece in (_LENGTH.pack(sum(map(len, pieces))), *pieces)
    )


def take_message(received: bytearray) -> bytearray | None:
    """Take the first message out of what was received; None if it is not there whole."""
    if len(received) < _LENGTH.size:
        return None
    end = _LENGTH.size + _LENGTH.unpack_from(received)[0]
    if len(received) < end:
        return None
    message = received[_LENGTH.size : end]
    del received[:end]
    return message


def unpack_request(message: bytes) -> tuple[bytes, int | None]:
    """The picture, and the shorter side that is wanted."""
    (wanted,) = _WANTED.unpack_from(message)
    return message[_WANTED.size :], None if wanted < 0 else wanted


def pack_image(image: Image) -> tuple[bytes, bytes, memoryview]:
    """A decoded picture."""
    head = {
        "sha256": image.sha256,
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "encoded_bytes": image.encoded_bytes,
        "shape": image.pixels.shape,
    }
    text = json.dumps(head).encode()
    return _LENGTH.pack(len(text)), text, image.pixels.data.cast("B")


def pack_error(error: RowError) -> tuple[bytes, bytes]:
    """Why a picture could not be decoded."""
    text = json.dumps({"kind": error.kind.value, "message": error.message}).encode()
    return _LENGTH.pack(len(text)), text


def unpack_reply(message: bytearray) -> Image:
    """The decoded picture; its pixels share the message's memory.

    Raises:
        RowError: it could not be decoded.
        ValueError, KeyError, TypeError, struct.error: this is no reply.

    """
    (length,) = _LENGTH.unpack_from(message)
    start = _LENGTH.size + length
    head = json.loads(message[_LENGTH.size : start])
    if "kind" in head:
        raise RowError(FailureKind(head["kind"]), head["message"])
    pixels = np.frombuffer(message, np.uint8, offset=start).reshape(head["shape"])
    return Image(
        sha256=head["sha256"],
        format=head["format"],
        width=head["width"],
        height=head["height"],
        pixels=pixels,
        encoded_bytes=head["encoded_bytes"],
    )
