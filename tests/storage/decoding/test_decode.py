"""What decoding makes of every mode and format, against numpy and Pillow's plain conversions."""

import hashlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps, PngImagePlugin

from schemas.asset import Image
from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits
from storage.decoding.sniff import webp_canvas
from tests.messages import check_message

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
    check_message(caught.value)
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


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_of_every_value(kind: str) -> None:
    samples = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = decode(encoded(Pillow.fromarray(samples), kind)).pixels
    assert np.array_equal(pixels[..., 0], np.round(samples / 257).astype(np.uint8))
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def on_white(colors: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None].astype(float) / 255
    laid: np.ndarray = np.round(colors * share + 255 * (1 - share)).astype(int)
    return laid


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_laid_on_white(kind: str) -> None:
    colors = np.asarray(photo(96, 64))
    alpha = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1))
    picture = Pillow.fromarray(np.dstack([colors, alpha]))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    difference = decode(encoded(picture, kind, **options)).pixels - on_white(colors, alpha)
    assert np.abs(difference).max() <= 1


def test_gray_with_alpha_is_laid_on_white() -> None:
    gray = np.asarray(photo(96, 64).convert("L"))
    alpha = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1))
    picture = Pillow.merge("LA", (Pillow.fromarray(gray), Pillow.fromarray(alpha)))
    expected = on_white(np.stack([gray] * 3, -1), alpha)
    assert np.abs(decode(encoded(picture, "PNG")).pixels - expected).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_white_and_the_others_are_not(kind: str) -> None:
    indices = (np.arange(64).reshape(8, 8) % 2).astype(np.uint8)
    palette = Pillow.frombytes("P", (8, 8), indices.tobytes())
    palette.putpalette([9, 9, 9, 200, 100, 50])
    pixels = decode(encoded(palette, kind, transparency=0)).pixels
    expected = np.array([[255, 255, 255], [200, 100, 50]], np.uint8)[indices]
    assert np.array_equal(pixels, expected)


def test_a_transparent_color_is_white() -> None:
    picture = Pillow.new("RGB", (4, 4), (1, 2, 3))
    picture.putpixel((0, 0), (9, 9, 9))
    pixels = decode(encoded(picture, "PNG", transparency=(1, 2, 3))).pixels
    assert pixels[0, 0].tolist() == [9, 9, 9]
    assert pixels[1, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK"])
def test_modes(mode: str) -> None:
    picture = photo().convert(mode)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    expected = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(decode(encoded(picture, kind)).pixels.astype(int) - expected).mean() < 1.0


@pytest.mark.parametrize("wanted_pixels", [None, 100])
def test_cmyk_jpegs_as_adobe_writes_them(wanted_pixels: int | None) -> None:
    """Their samples are stored inverted, which the APP14 marker announces."""
    data = encoded(photo(640, 480).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    image = decode(data, wanted_pixels)
    assert (image.width, image.height) == (640, 480)
    assert min(image.pixels.shape[:2]) >= (wanted_pixels or 480)
    height, width, _ = image.pixels.shape
    expected = photo(640, 480).resize((width, height), Pillow.Resampling.BOX)
    assert np.abs(image.pixels.astype(int) - np.asarray(expected)).mean() < 3


def test_a_jpeg_of_several_pictures_is_its_first() -> None:
    second = Pillow.new("RGB", (160, 120), "black")
    data = encoded(photo(), "MPO", save_all=True, append_images=[second])
    image = decode(data)
    assert image.format == "jpeg"
    assert np.array_equal(image.pixels, decode(encoded(photo(), "JPEG")).pixels)


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


@pytest.mark.parametrize("wanted_pixels", [None, 16])
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_every_format(
    kind: str, orientation: int, wanted_pixels: int | None
) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    data = encoded(photo(96, 64), kind, exif=exif)
    image = decode(data, wanted_pixels)
    upright = ImageOps.exif_transpose(Pillow.open(io.BytesIO(data))).convert("RGB")
    assert (image.width, image.height) == upright.size
    height, width, _ = image.pixels.shape
    assert (width > height) == (upright.width > upright.height)
    expected = upright.resize((width, height), Pillow.Resampling.BOX)
    assert np.abs(image.pixels.astype(int) - np.asarray(expected)).mean() < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_metadata_that_cannot_be_read_is_no_reason_to_refuse(kind: str) -> None:
    whole = decode(encoded(photo(), kind))
    odd = decode(encoded(photo(), kind, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"))
    garbled = decode(encoded(photo(), kind, exif=b"garbagegarbage"))
    assert np.array_equal(whole.pixels, odd.pixels)
    assert np.array_equal(whole.pixels, garbled.pixels)


@pytest.mark.parametrize("kind", FORMATS)
def test_reduced_decoding_keeps_the_shorter_side_and_the_look(kind: str) -> None:
    data = encoded(photo(1200, 900), kind)
    image = decode(data, 224)
    assert 224 <= min(image.pixels.shape[:2]) < 448
    assert (image.width, image.height) == (1200, 900)
    height, width, _ = image.pixels.shape
    expected = photo(1200, 900).resize((width, height), Pillow.Resampling.BOX)
    assert np.abs(image.pixels.astype(int) - np.asarray(expected).astype(int)).mean() < 2.0


def test_a_picture_smaller_than_wanted_is_left_as_it_is() -> None:
    assert decode(encoded(photo(), "JPEG"), 224).pixels.shape == (120, 160, 3)


def test_limits_on_bytes_and_pixels() -> None:
    png = encoded(photo(), "PNG")
    assert kind_of(png, DecodeLimits(max_bytes=len(png) - 1)) is FailureKind.TOO_LARGE
    assert kind_of(png, DecodeLimits(max_pixels=19_199)) is FailureKind.DECOMPRESSION_BOMB
    exact = DecodeLimits(max_bytes=len(png), max_pixels=19_200)
    assert decode_image(png, limits=exact, wanted_pixels=None).width == 160


def test_the_pixels_a_png_claims_are_refused_before_they_are_unpacked() -> None:
    """A header of four thousand million pixels, and no more than a few bytes of them."""
    data = bytearray(encoded(photo(), "PNG"))
    data[16:24] = struct.pack(">II", 65_000, 65_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    assert kind_of(bytes(data)) is FailureKind.DECOMPRESSION_BOMB


def test_the_canvas_a_webp_claims_is_refused_before_it_is_taken() -> None:
    still = encoded(photo(16, 16), "WEBP")
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xfe\x3f\x00" * 2 + still[12:]
    data = b"RIFF" + struct.pack("<I", 4 + len(extended)) + b"WEBP" + extended
    assert kind_of(data) is FailureKind.DECOMPRESSION_BOMB
    little = DecodeLimits(max_pixels=1 << 30, max_memory=1 << 30)
    assert kind_of(data, little) is FailureKind.OUT_OF_MEMORY


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}, {"exif": b"x"}])
def test_the_size_of_every_kind_of_webp(options: dict[str, object]) -> None:
    assert webp_canvas(encoded(photo(161, 119), "WEBP", **options)) == (161, 119)


def test_texts_that_unpack_to_more_than_they_should() -> None:
    texts = [PngImagePlugin.PngInfo() for _ in range(3)]
    texts[0].add_text("comment", "x" * (8 << 20), zip=True)
    texts[1].add_itxt("comment", "x" * (8 << 20), zip=True)
    for number in range(70):
        texts[2].add_text(f"comment {number}", "x" * 1_000_000, zip=True)
    for text in texts:
        assert kind_of(encoded(photo(), "PNG", pnginfo=text)) is FailureKind.DECOMPRESSION_BOMB
    profile = encoded(photo(), "PNG", icc_profile=bytes(8 << 20))
    assert kind_of(profile) is FailureKind.DECOMPRESSION_BOMB
