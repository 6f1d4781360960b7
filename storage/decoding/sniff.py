"""What undecodable bytes are."""

import codecs
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
_ARCHIVES = (
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"7z\xbc\xaf",
    b"\x28\xb5\x2f\xfd",
    b"Rar!",
)
_LOOKED_AT = 1024


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
    start = data[:_LOOKED_AT].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<svg", b"<!doctype svg")):
        return "SVG"
    if start.startswith((b"<?xml", b"<!--")) and b"<svg" in start and b"<html" not in start:
        return "SVG"
    return None


def content_kind(data: bytes) -> str | None:
    """Name the kind of what is no picture; None for what is not known either.

    No more than that is told of it: a catalog may name files that hold secrets.
    """
    if data.startswith(_ARCHIVES) or data[257:262] == b"ustar":
        return "an archive or compressed data"
    start = data[:_LOOKED_AT].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if b"<html" in start or start.startswith(b"<!doctype html"):
        return "HTML"
    if start.startswith(b"<"):
        return "XML"
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return None
    if not "".join(text.split()).isprintable():
        return None
    return "JSON" if text.startswith(("{", "[")) else "text"


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
