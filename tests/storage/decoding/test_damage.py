"""What is no picture, a cut one or a damaged one, and what is said of it."""

import codecs
import gzip
import io
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from easy_vqa import get_test_image_paths
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import TiffImagePlugin

from schemas.errors import RowError
from schemas.failure import FailureKind
from tests.messages import check_message
from tests.storage.decoding.test_decode import FORMATS, decode, encoded, kind_of, photo

ENCODINGS: list[tuple[str, dict[str, object]]] = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("GIF", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
]


def failure_of(data: bytes) -> RowError:
    with pytest.raises(RowError) as caught:
        decode(data)
    check_message(caught.value)
    return caught.value


def verdict(data: bytes) -> FailureKind | None:
    """What a picture fails as; None if it does not."""
    try:
        assert decode(data).pixels.shape[2] == 3
    except RowError as error:
        return error.kind
    return None


def tar() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return sink.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The content is empty: zero bytes."),
        (b"\xff", "of no known kind"),
        (b"<!DOCTYPE html><html><body><svg></svg></body></html>", "HTML, not a picture"),
        (b"<?xml version='1.0'?><html><svg/></html>", "HTML, not a picture"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML, not a picture"),
        (b'{"error": "no such picture"}', "JSON, not a picture"),
        (b"BMW is a make of car", "text, not a picture"),
        (codecs.BOM_UTF8 + "é".encode() * 1000, "text, not a picture"),
        (b"\x00not found", "of no known kind"),
        (gzip.compress(b"x", mtime=0), "an archive or compressed data, not a picture"),
        (tar(), "an archive or compressed data, not a picture"),
        (np.random.default_rng(0).bytes(5000), "of no known kind"),
    ],
)
def test_what_is_not_an_image(data: bytes, said: str) -> None:
    error = failure_of(data)
    assert error.kind is FailureKind.NOT_AN_IMAGE
    assert said in error.message


@pytest.mark.parametrize("start", [b"", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"RIFF"])
def test_nothing_of_a_secret_file_is_said(start: bytes) -> None:
    secret = b"root:x:0:0:root:/root:/bin/bash\n"
    assert b"root" not in failure_of(start + secret).message.encode()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"<!DOCTYPE svg PUBLIC ''><svg/>", "SVG"),
        (b"\xef\xbb\xbf <svg xmlns=''/>", "SVG"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\0\0\0\x20ftypheic....", "HEIC"),
        (b"\0\0\0\x20ftypavif....", "AVIF"),
        (b"\0\0\0\x20ftypisom....", "video"),
        (b"RIFF\x10\0\0\0AVI LIST", "video"),
        (encoded(photo(), "PPM"), "pixmap"),
        (encoded(photo(), "JPEG2000"), "JPEG 2000"),
        (encoded(photo(64, 64), "ICO"), "icon"),
        (encoded(photo(), "DDS"), "DirectDraw"),
    ],
)
def test_what_is_recognised_but_not_read(data: bytes, name: str) -> None:
    with pytest.raises(RowError, match=name) as caught:
        decode(data)
    assert caught.value.kind is FailureKind.UNSUPPORTED_FORMAT


@pytest.mark.parametrize(("kind", "options"), ENCODINGS)
@pytest.mark.parametrize("wanted_pixels", [None, 30])
def test_cut_pictures_are_never_accepted(
    kind: str, options: dict[str, object], wanted_pixels: int | None
) -> None:
    """Cut anywhere, header included; only what closes a complete picture may be missing."""
    data = encoded(photo(), kind, **options)
    whole = decode(data, wanted_pixels).pixels
    end = {"PNG": 20, "GIF": 2}.get(kind, 0)  # IEND and a checksum; the trailer
    for keep in [*range(2, 64), *range(64, len(data), max(1, len(data) // 60))]:
        if keep < len(data) - end:
            with pytest.raises(RowError) as caught:
                decode(data[:keep], wanted_pixels)
            assert caught.value.kind is FailureKind.TRUNCATED, keep
        else:
            assert np.array_equal(decode(data[:keep], wanted_pixels).pixels, whole)


@pytest.mark.parametrize(("kind", "options"), ENCODINGS)
@pytest.mark.parametrize("value", [0x00, 0x10, 0xFF])
def test_a_whole_picture_with_damage_inside_is_not_called_cut(
    kind: str, options: dict[str, object], value: int
) -> None:
    data = encoded(photo(48, 36), kind, **options)
    damaged = 0
    for place in range(*inside(kind, data)):
        broken = bytearray(data)
        broken[place] = value
        kind_of_failure = verdict(bytes(broken))
        assert kind_of_failure is not FailureKind.TRUNCATED, place
        damaged += kind_of_failure is not None
    assert damaged or kind in {"BMP", "TIFF", "GIF"}  # of which samples may have any value


def inside(kind: str, data: bytes) -> tuple[int, int]:
    """Where damage is not to what says how long the file is."""
    if kind == "TIFF":
        directory = TiffImagePlugin.TiffImageFile(io.BytesIO(data)).tag_v2
        offsets, lengths = directory[273], directory[279]
        return min(offsets), max(map(sum, zip(offsets, lengths, strict=True)))
    return (6 if kind == "BMP" else 0), len(data) - (2 if kind == "JPEG" else 0)


def test_a_checksum_that_does_not_fit_is_damage() -> None:
    data = bytearray(encoded(photo(), "PNG"))
    data[data.index(b"IDAT") + 1000] ^= 1
    error = failure_of(bytes(data))
    assert error.kind is FailureKind.NOT_AN_IMAGE
    assert error.message.startswith("The PNG picture is damaged: its content cannot be read.")
    # So is a stream that ends early in a file that does not.
    samples = zlib.compress(bytes(1000))
    chunk = b"IDAT" + samples
    head = encoded(photo(), "PNG")[:33]
    end = struct.pack(">I", len(samples)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    assert kind_of(head + end + data[-12:]) is FailureKind.NOT_AN_IMAGE


@pytest.mark.parametrize(("kind", "options"), ENCODINGS)
def test_a_damaged_picture_with_something_behind_it_is_not_called_cut(
    kind: str, options: dict[str, object]
) -> None:
    """As telephones write it: only walking from part to part finds the end of the picture."""
    data = bytearray(encoded(photo(), kind, **options))
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    data += b"more" * 2000
    assert verdict(bytes(data)) in {None, FailureKind.NOT_AN_IMAGE}


def test_a_cut_picture_whose_thumbnail_is_whole_is_cut() -> None:
    thumbnail = encoded(photo(32, 24), "JPEG")
    data = encoded(photo(), "JPEG", exif=b"Exif\x00\x00" + thumbnail)
    for keep in range(len(thumbnail) + 40, len(data) - 2, 7):
        assert kind_of(data[:keep]) is FailureKind.TRUNCATED


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(FORMATS),
    number=st.integers(0, 9),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6),
    keep=st.floats(0.05, 1.0),
)
def test_a_mutated_picture_is_an_image_or_a_failure(
    kind: str, number: int, flips: list[tuple[float, int]], keep: float
) -> None:
    source = Pillow.open(Path(get_test_image_paths()[number])).convert("RGB")
    data = bytearray(encoded(source, kind))
    for where, value in flips:
        data[int(where * (len(data) - 1))] = value
    assert verdict(bytes(data[: int(len(data) * keep)])) in {
        None,
        FailureKind.NOT_AN_IMAGE,
        FailureKind.TRUNCATED,
        FailureKind.DECOMPRESSION_BOMB,
        FailureKind.UNSUPPORTED_FORMAT,
        FailureKind.OUT_OF_MEMORY,
    }
