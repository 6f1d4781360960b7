"""What undecodable bytes are."""

import struct

# The formats that are decoded, by how they begin.
_DECODED = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"RIFF", "WebP"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)
_UNSUPPORTED = (
    (b"%PDF-", 0, "a PDF document"),
    (b"%!PS", 0, "a PostScript document"),
    (b"ftyphei", 4, "HEIC"),
    (b"ftyphev", 4, "HEIC"),
    (b"ftypmif1", 4, "HEIF"),
    (b"ftypmsf1", 4, "HEIF"),
    (b"ftypavif", 4, "AVIF"),
    (b"ftypavis", 4, "AVIF"),
    (b"ftypcrx", 4, "a raw photo"),
    (b"\x00\x00\x00\x0cjP  ", 0, "JPEG 2000"),
    (b"\xff\x4f\xff\x51", 0, "JPEG 2000"),
    (b"\xff\x0a", 0, "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", 0, "JPEG XL"),
    (b"8BPS", 0, "a Photoshop file"),
    (b"DDS ", 0, "a DirectDraw surface"),
    (b"\x76\x2f\x31\x01", 0, "OpenEXR"),
    (b"\x00\x00\x01\x00", 0, "a Windows icon"),
    (b"AVI ", 8, "a video"),
    (b"WAVE", 8, "a sound"),
    (b"\x1a\x45\xdf\xa3", 0, "a video"),
    (b"ftyp", 4, "a video"),
)
_TRUNCATION_SIGNS = ("truncated", "premature end", "broken data stream", "not enough image data")


def decoded_format(data: bytes) -> str | None:
    """Name the decoded format whose signature, or the first bytes of it, the data begin with."""
    if len(data) < 2:
        return None
    for signature, name in _DECODED:
        if data.startswith(signature) or signature.startswith(data):
            # Two letters also begin a text: a bitmap's header has four zero bytes further on.
            if name == "BMP" and data[6:10].strip(b"\x00"):
                return None
            if name == "WebP" and not b"WEBP".startswith(data[8:12]):
                return None
            return name
    return None


def unsupported_format(data: bytes) -> str | None:
    """Name a recognised format that is not decoded; None for anything else."""
    for signature, offset, name in _UNSUPPORTED:
        if data[offset : offset + len(signature)] == signature:
            return name
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace():
        return "a portable pixmap"
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<svg", b"<!doctype svg")):
        return "SVG"
    if start.startswith((b"<?xml", b"<!--")) and b"<svg" in start and b"<html" not in start:
        return "SVG"
    return None


def webp_canvas(data: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP picture, from its first chunk (RFC 9649, sections 2.5 to 2.7).

    libwebp takes memory for the canvas as soon as a picture is opened, so its size has to be
    known before.
    """
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    if data[12:16] == b"VP8X":
        sides = data[24:27], data[27:30]
        return int.from_bytes(sides[0], "little") + 1, int.from_bytes(sides[1], "little") + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def looks_cut(data: bytes, error: Exception) -> bool:
    """Whether a decoded format ends before it should."""
    known = decoded_format(data)
    if known is None:
        return False
    text = str(error).lower()
    if any(sign in text for sign in _TRUNCATION_SIGNS):
        return True
    end_is_there = {
        "JPEG": lambda: b"\xff\xd9" in data[-4096:],
        "PNG": lambda: b"IEND" in data[-64:],
        "GIF": lambda: data.rstrip(b"\x00").endswith(b";"),
        "WebP": lambda: 12 <= int.from_bytes(data[4:8], "little") + 8 <= len(data),
        "BMP": lambda: 26 <= int.from_bytes(data[2:6], "little") <= len(data),
        "TIFF": lambda: not _directory_is_cut(data),
    }
    return not end_is_there[known]()


def _directory_is_cut(data: bytes) -> bool:
    """Whether a TIFF file ends before its first directory does (TIFF 6.0, section 2)."""
    order = "<" if data[:1] == b"I" else ">"
    if len(data) < 10:
        return True
    (offset,) = struct.unpack_from(order + "I", data, 4)
    if offset + 2 > len(data):
        return True
    (entries,) = struct.unpack_from(order + "H", data, offset)
    return bool(offset + 2 + 12 * entries + 4 > len(data))
