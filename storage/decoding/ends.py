"""Whether a picture's file comes to its end, or was cut.

Its structure says so, not the decoder: to a decoder, damage in the middle is an early end as well.
A cut file is never taken for whole. A whole one may look cut only where the number that was damaged
is the one that says where its parts lie: the size in a BMP, an offset in a TIFF.
"""

import re
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_JPEG_END = b"\xff\xd9"
# What else a length follows; within a scan, what ends it.
_JPEG_SEGMENT = re.compile(rb"\xff+([^\x00\x01\xd0-\xd9\xff])")
_JPEG_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JPEG_SCAN = b"\xda"
_PNG_END = b"IEND\xaeB`\x82"
_GIF_IMAGE, _GIF_EXTENSION, _GIF_END = 0x2C, 0x21, 0x3B
# Bytes of a value by its type (TIFF 6.0, section 2).
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


def reaches_end(data: bytes, known: str) -> bool:
    """Whether the file is as long as it says, or closes as its format does.

    Args:
        data: the file.
        known: its format, one that decoded_format gives.

    """
    return _BY_FORMAT[known](data)


def _jpeg(data: bytes) -> bool:
    """Walk from marker to marker (ITU T.81, annex B)."""
    if data.rstrip(b"\x00").endswith(_JPEG_END):
        return True
    place = 2
    while place + 2 <= len(data):
        segment = _JPEG_SEGMENT.match(data, place)
        if segment is None:  # the end; or lost before it, which is damage, cut or not
            return bool(data[place:].lstrip(b"\xff"))
        place = segment.end() + int.from_bytes(data[segment.end() : segment.end() + 2])
        if segment[1] == _JPEG_SCAN:
            after = _JPEG_AFTER_SCAN.search(data, place)
            if after is None:
                return False
            place = after.start()
    return False


def _png(data: bytes) -> bool:
    """Walk from chunk to chunk (PNG, third edition, section 5.3)."""
    if _PNG_END in data[-64:]:
        return True
    place = 8
    while place + 8 <= len(data):
        name = data[place + 4 : place + 8]
        if name == _PNG_END[:4] or not name.isalpha():
            return True
        place += 12 + int.from_bytes(data[place : place + 4])
    return False


def _gif(data: bytes) -> bool:
    """Walk from block to block (GIF89a, sections 15 to 26)."""
    if data.rstrip(b"\x00").endswith(b"\x00;"):
        return True
    place = 13 + (_gif_colors(data[10]) if len(data) > 10 else 0)
    while place < len(data):
        kind = data[place]
        if kind == _GIF_IMAGE and place + 10 <= len(data):
            place += 11 + _gif_colors(data[place + 9])
        elif kind in {_GIF_IMAGE, _GIF_EXTENSION}:
            place += 2
        else:
            return True
        while place < len(data) and data[place]:
            place += 1 + data[place]
        place += 1
    return False


def _gif_colors(flags: int) -> int:
    """Bytes of the color table that a descriptor announces."""
    return 6 << (flags & 7) if flags & 0x80 else 0


def _webp(data: bytes) -> bool:
    """Compare with the size in its header, or walk from chunk to chunk (RFC 9649, section 2.3)."""
    if 12 <= int.from_bytes(data[4:8], "little") + 8 <= len(data):
        return True
    place, holds_picture = 12, False
    while place + 8 <= len(data):
        holds_picture |= data[place : place + 4] in {b"VP8 ", b"VP8L", b"ANMF"}
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + length + length % 2
    return holds_picture and place == len(data)


def _bmp(data: bytes) -> bool:
    return 26 <= int.from_bytes(data[2:6], "little") <= len(data)


def _tiff(data: bytes) -> bool:
    """Look where the first directory and what it names end (TIFF 6.0, section 2)."""
    order: Literal["little", "big"] = "little" if data[:1] == b"I" else "big"

    def number(place: int, size: int) -> int:
        return int.from_bytes(data[place : place + size], order)

    first = number(4, 4)
    end = first + 2 + 12 * number(first, 2)
    if len(data) < 10 or end + 4 > len(data):
        return False
    values: dict[int, NDArray[np.int64]] = {}
    for entry in range(first + 2, end, 12):
        size, count = _TIFF_SIZES.get(number(entry + 2, 2), 0), number(entry + 4, 4)
        place = entry + 8 if size * count <= 4 else number(entry + 8, 4)
        if place + size * count > len(data):
            return False
        tag = number(entry, 2)
        if size in {2, 4} and tag in {273, 279, 324, 325}:
            kind = np.dtype(f"u{size}").newbyteorder(order)
            values[tag] = np.frombuffer(data, kind, count, place).astype(np.int64)
    for offsets, lengths in ((273, 279), (324, 325)):  # of strips, of tiles
        if offsets in values and lengths in values:
            parts = min(len(values[offsets]), len(values[lengths]))
            if (values[offsets][:parts] + values[lengths][:parts] > len(data)).any():
                return False
    return True


_BY_FORMAT: dict[str, Callable[[bytes], bool]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "WebP": _webp,
    "BMP": _bmp,
    "TIFF": _tiff,
}
