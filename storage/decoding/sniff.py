"""What undecodable bytes are."""

_SIGNATURES = (
    (b"%PDF-", 0, "a PDF document"),
    (b"ftypheic", 4, "HEIC"),
    (b"ftypheix", 4, "HEIC"),
    (b"ftypmif1", 4, "HEIF"),
    (b"ftypavif", 4, "AVIF"),
    (b"ftypavis", 4, "AVIF"),
    (b"\x00\x00\x00\x0cjP  ", 0, "JPEG 2000"),
    (b"\xff\x0a", 0, "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", 0, "JPEG XL"),
    (b"8BPS", 0, "a Photoshop file"),
    (b"\x00\x00\x01\x00", 0, "a Windows icon"),
    (b"ftyp", 4, "a video"),
)
_TRUNCATION_SIGNS = (
    "truncated",
    "premature end",
    "broken data stream",
    "not enough image data",
    "unexpected end",
    "image file is truncated",
    "buffer is not large enough",
    "eof",
)


def unsupported_format(data: bytes) -> str | None:
    """Name a recognised format that is not decoded; None for anything else."""
    for signature, offset, name in _SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            return name
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        return "SVG"
    return None


def looks_cut(data: bytes, error: Exception) -> bool:
    """Whether a known format ends before it should."""
    text = str(error).lower()
    if any(sign in text for sign in _TRUNCATION_SIGNS):
        return True
    if data.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in data[-4096:]
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-64:]
    if data[:4] == b"RIFF":
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    return False
