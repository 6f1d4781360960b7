"""Decoding one picture to RGB pixels, or saying what is wrong with it."""

import hashlib
import io
import warnings

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFile, UnidentifiedImageError

from schemas.asset import Image
from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.decoding.limits import DecodeLimits
from storage.decoding.sniff import looks_cut, unsupported_format

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_ORIENTATION_TAG = 0x0112
# What Pillow says of a PNG whose compressed texts unpack to more than its bounds.
_BOMB_SIGNS = (
    "Decompressed data too large",
    "MAX_TEXT_CHUNK",
    "Too much memory used in text chunks",
)
_WHITE = (255, 255, 255, 255)
# What turns the stored picture upright, by the EXIF orientation's number (EXIF 2.32, 4.6.4).
_UPRIGHT = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}

# Our own limit on pixels is checked from the header and says what to do; Pillow's only warns.
Pillow.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False


def decode_image(data: bytes, *, limits: DecodeLimits, wanted_pixels: int | None) -> Image:
    """Decode a picture.

    EXIF orientation is applied, transparency is laid on white, 16-bit samples are scaled to 8,
    CMYK becomes RGB, and of an animation the first frame is taken.

    Args:
        data: the encoded picture.
        limits: on bytes and pixels; time and memory are the caller's to enforce.
        wanted_pixels: the shorter side the consumer makes use of. A larger picture is decoded at
            reduced scale with a shorter side of at least this; None decodes in full.

    Raises:
        RowError: not_an_image, unsupported_format, truncated, decompression_bomb, too_large or
            out_of_memory.

    """
    if len(data) > limits.max_bytes:
        raise RowError(
            FailureKind.TOO_LARGE,
            f"The picture has {len(data):,} bytes, more than the limit of {limits.max_bytes:,}. "
            "Raise --max-picture-bytes if it is meant to be that large.",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(data, limits, wanted_pixels)
    except RowError:
        raise
    except MemoryError as error:
        raise RowError(
            FailureKind.OUT_OF_MEMORY,
            f"Decoding the picture takes more than the {limits.max_memory >> 20} MiB allowed.",
        ) from error
    except Exception as error:
        raise _verdict(data, error) from error


def _decode(data: bytes, limits: DecodeLimits, wanted_pixels: int | None) -> Image:
    picture = Pillow.open(io.BytesIO(data), formats=_FORMATS)
    stored_format = picture.format or ""
    width, height = picture.size
    if width * height > limits.max_pixels:
        raise RowError(
            FailureKind.DECOMPRESSION_BOMB,
            f"The picture has {width} x {height} pixels, more than the limit of "
            f"{limits.max_pixels:,}. Raise --max-picture-pixels if it is meant to be that large.",
        )
    transpose = _UPRIGHT.get(picture.getexif().get(_ORIENTATION_TAG, 1))
    if stored_format == "JPEG" and picture.mode in {"RGB", "L"}:
        pixels = _decode_jpeg(data, wanted_pixels)
    else:
        if stored_format == "JPEG" and wanted_pixels is not None:
            picture.draft(None, _scaled(width, height, wanted_pixels))
        pixels = np.asarray(_to_rgb(picture))
    pixels = _reduce(pixels, wanted_pixels)
    if transpose is not None:
        pixels = np.asarray(Pillow.fromarray(pixels).transpose(transpose))
        if transpose in {_UPRIGHT[5], _UPRIGHT[6], _UPRIGHT[7], _UPRIGHT[8]}:
            width, height = height, width
    return Image(
        sha256=hashlib.sha256(data).hexdigest(),
        format="jpeg" if stored_format == "MPO" else stored_format.lower(),
        width=width,
        height=height,
        pixels=np.ascontiguousarray(pixels, dtype=np.uint8),
    )


def _decode_jpeg(data: bytes, wanted_pixels: int | None) -> NDArray[np.uint8]:
    """Decode with libjpeg-turbo, at a reduced scale of the discrete cosine transform if wanted."""
    least = wanted_pixels or 0
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data, colorspace="RGB", min_height=least, min_width=least, min_factor=1, strict=True
    )
    return pixels


def _to_rgb(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode in {"I;16", "I;16L", "I;16B", "I;16N", "I"}:
        # Pillow clips 16-bit samples to 8; 257 maps 0..65535 onto 0..255.
        samples = np.asarray(picture).astype(np.int64)
        eight = np.clip((samples + 128) // 257, 0, 255).astype(np.uint8)
        return Pillow.fromarray(eight).convert("RGB")
    if picture.mode == "F":
        samples = np.nan_to_num(np.asarray(picture))
        peak = float(samples.max(initial=0.0))
        scale = 255.0 if 0.0 < peak <= 1.0 else 1.0
        eight = np.clip(samples * scale, 0, 255).astype(np.uint8)
        return Pillow.fromarray(eight).convert("RGB")
    if picture.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        ground = Pillow.new("RGBA", layer.size, _WHITE)
        return Pillow.alpha_composite(ground, layer).convert("RGB")
    return picture.convert("RGB")


def _reduce(pixels: NDArray[np.uint8], wanted_pixels: int | None) -> NDArray[np.uint8]:
    """Average whole boxes of pixels, as long as the shorter side stays large enough."""
    if wanted_pixels is None:
        return pixels
    factor = min(pixels.shape[:2]) // wanted_pixels
    if factor < 2:
        return pixels
    return np.asarray(Pillow.fromarray(pixels).reduce(factor))


def _scaled(width: int, height: int, wanted_pixels: int) -> tuple[int, int]:
    scale = max(1.0, min(width, height) / wanted_pixels)
    return int(width / scale), int(height / scale)


def _verdict(data: bytes, error: Exception) -> RowError:
    """Say what is wrong with a picture that could not be decoded."""
    name = unsupported_format(data)
    if name:
        return RowError(
            FailureKind.UNSUPPORTED_FORMAT,
            f"The picture is {name}, which is not read. Convert it to JPEG, PNG or WebP.",
        )
    if any(sign in str(error) for sign in _BOMB_SIGNS):
        return RowError(
            FailureKind.DECOMPRESSION_BOMB,
            f"The picture unpacks to far more than it holds: {error}.",
        )
    if isinstance(error, UnidentifiedImageError):
        if not data:
            return RowError(FailureKind.NOT_AN_IMAGE, "The file is empty: zero bytes.")
        start = data[:16]
        return RowError(
            FailureKind.NOT_AN_IMAGE,
            f"The content is not a picture; it starts with {start!r}. Check what the uri serves.",
        )
    if looks_cut(data, error):
        return RowError(
            FailureKind.TRUNCATED,
            f"The picture is cut short after {len(data):,} bytes: {error}. Fetch it anew.",
        )
    return RowError(
        FailureKind.NOT_AN_IMAGE,
        f"The picture's content is damaged: {type(error).__name__}: {error}.",
    )
