"""What decoding makes of every mode and format, against numpy and Pillow's plain conversions."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from easy_vqa import get_test_image_paths
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import PngImagePlugin

from schemas.asset import Image
from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits

LIMITS = DecodeLimits()
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]


def photo(width: int = 160, height: int = 120) -> Pillow.Image:
    """A smooth picture with some structure, the same each time."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [np.sin(columns / 17 + k) * np.cos(rows / 13 - k) * 110 + 128 for k in range(3)]
    return Pillow.fromarray(np.stack(planes, -1).astype(np.uint8))


def encoded(picture: Pillow.Image, kind: str, **options: object) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, kind, **options)
    return sink.getvalue()


def decode(data: bytes, wanted_pixels: int | None = None) -> Image:
    return decode_image(data, limits=LIMITS, wanted_pixels=wanted_pixels)


def kind_of(data: bytes, limits: DecodeLimits = LIMITS) -> FailureKind:
    with pytest.raises(RowError) as caught:
        decode_image(data, limits=limits, wanted_pixels=None)
    assert caught.value.message
    return caught.value.kind


@pytest.mark.parametrize("kind", FORMATS)
def test_formats_give_what_pillow_gives(kind: str) -> None:
    data = encoded(photo(), kind)
    image = decode(data)
    expected = np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB")).astype(int)
    # Chroma is upsampled by another routine: single steps of difference.
    assert np.abs(image.pixels.astype(int) - expected).mean() < 1.0
    assert (image.width, image.height, image.format) == (160, 120, kind.lower())
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags.c_contiguous


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    samples = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    image = decode(encoded(Pillow.fromarray(samples), "PNG"))
    expected = np.round(samples / 257).astype(int)
    assert np.abs(image.pixels[..., 0].astype(int) - expected).max() <= 1


def test_transparency_is_laid_on_white() -> None:
    clear = Pillow.new("RGBA", (8, 8), (255, 0, 0, 0))
    half = Pillow.new("RGBA", (8, 8), (255, 0, 0, 128))
    assert (decode(encoded(clear, "PNG")).pixels == 255).all()
    assert (
        np.abs(decode(encoded(half, "PNG")).pixels[0, 0].astype(int) - [255, 127, 127]).max() <= 1
    )
    palette = Pillow.new("P", (8, 8), 0)
    palette.putpalette([9, 9, 9, 200, 100, 50])
    assert (decode(encoded(palette, "PNG", transparency=0)).pixels == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK"])
def test_modes(mode: str) -> None:
    picture = photo().convert(mode)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    expected = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(decode(encoded(picture, kind)).pixels.astype(int) - expected).mean() < 1.0


def test_cmyk_jpeg() -> None:
    data = encoded(photo().convert("CMYK"), "JPEG", quality=95)
    expected = np.asarray(photo()).astype(int)
    assert np.abs(decode(data).pixels.astype(int) - expected).mean() < 6


def test_the_first_frame_of_an_animation() -> None:
    frames = [Pillow.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data).pixels[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int) -> None:
    """Against the corners: where the EXIF specification puts the stored first pixel."""
    stored = np.zeros((32, 64, 3), np.uint8)
    stored[:16, :32] = 255
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    image = decode(encoded(Pillow.fromarray(stored), "PNG", exif=exif))
    corners = image.pixels[[2, 2, -3, -3], [2, -3, 2, -3], 0] > 127
    # First row and column of the stored picture are the visual ones named by the specification.
    where = {1: 0, 2: 1, 3: 3, 4: 2, 5: 0, 6: 1, 7: 3, 8: 2}[orientation]
    assert corners.tolist() == [corner == where for corner in range(4)]
    assert (image.width, image.height) == ((64, 32) if orientation < 5 else (32, 64))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_reduced_decoding_keeps_the_shorter_side_and_the_look(kind: str) -> None:
    data = encoded(photo(1600, 1200), kind)
    image = decode(data, 224)
    assert 224 <= min(image.pixels.shape[:2]) < 448
    assert (image.width, image.height) == (1600, 1200)
    height, width, _ = image.pixels.shape
    expected = photo(1600, 1200).resize((width, height), Pillow.Resampling.BOX)
    assert np.abs(image.pixels.astype(int) - np.asarray(expected).astype(int)).mean() < 2.0


def test_kinds_of_failure() -> None:
    png = encoded(photo(), "PNG")
    assert kind_of(b"") is FailureKind.NOT_AN_IMAGE
    assert kind_of(b"<!DOCTYPE html><html></html>") is FailureKind.NOT_AN_IMAGE
    assert kind_of(b"<?xml version='1.0'?><svg/>") is FailureKind.UNSUPPORTED_FORMAT
    assert kind_of(b"%PDF-1.7 ...") is FailureKind.UNSUPPORTED_FORMAT
    assert kind_of(b"\0\0\0\x20ftypheic....") is FailureKind.UNSUPPORTED_FORMAT
    assert kind_of(png, DecodeLimits(max_bytes=100)) is FailureKind.TOO_LARGE
    assert kind_of(png, DecodeLimits(max_pixels=100)) is FailureKind.DECOMPRESSION_BOMB
    texts = PngImagePlugin.PngInfo()
    texts.add_text("comment", "x" * (8 << 20), zip=True)
    bomb = encoded(photo(), "PNG", pnginfo=texts)
    assert kind_of(bomb) is FailureKind.DECOMPRESSION_BOMB


@pytest.mark.parametrize("kind", FORMATS)
def test_cut_pictures_are_never_accepted(kind: str) -> None:
    data = encoded(photo(), kind)
    for keep in (0.9, 0.6, 0.3):
        assert kind_of(data[: int(len(data) * keep)]) in {
            FailureKind.TRUNCATED,
            FailureKind.NOT_AN_IMAGE,
        }


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
    kind_of_failure: FailureKind | None = None
    try:
        image = decode(bytes(data[: int(len(data) * keep)]))
        assert image.pixels.shape[2] == 3
    except RowError as error:
        kind_of_failure = error.kind
    assert kind_of_failure in {
        None,
        FailureKind.NOT_AN_IMAGE,
        FailureKind.TRUNCATED,
        FailureKind.DECOMPRESSION_BOMB,
        FailureKind.UNSUPPORTED_FORMAT,
        FailureKind.OUT_OF_MEMORY,
    }
