"""Decoding one picture to RGB pixels, or saying what is wrong with it."""

import hashlib
import io
import struct
import warnings

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import (  # the readers of what is decoded: Pillow would load all fifty for one missing
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    ImageFile,
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)
from PIL import Image as Pillow

from schemas.asset import Image
from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.decoding.ends import reaches_end
from storage.decoding.limits import DecodeLimits
from storage.decoding.sniff import content_kind, decoded_format, unsupported_format, webp_canvas

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_ORIENTATION_TAG = 0x0112
# What Pillow says of a PNG whose compressed texts unpack to more than its bounds.
_BOMB_SIGNS = (
    "Decompressed data too large",
    "MAX_TEXT_CHUNK",
    "Too much memory used in text chunks",
)
# What libjpeg-turbo and Pillow's decoders say, in place of a MemoryError.
_MEMORY_SIGNS = ("Insufficient memory", "out of memory")
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
    limits.check_bytes(len(data))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(data, limits, wanted_pixels)
    except RowError:
        raise
    except MemoryError as error:
        raise _out_of_memory(limits) from error
    except Exception as error:
        if any(sign in str(error) for sign in _MEMORY_SIGNS):
            raise _out_of_memory(limits) from error
        raise _verdict(data, error) from error


def _decode(data: bytes, limits: DecodeLimits, wanted_pixels: int | None) -> Image:
    canvas = webp_canvas(data)
    if canvas is not None:
        limits.check_pixels(*canvas)
        # libwebp keeps two canvases of four bytes a pixel, and calls their lack damage.
        if 8 * canvas[0] * canvas[1] > limits.max_memory:
            raise MemoryError
    picture = Pillow.open(io.BytesIO(data), formats=_FORMATS)
    # MPO is a JPEG with further pictures behind it, as some telephones write.
    stored_format = "JPEG" if picture.format == "MPO" else picture.format or ""
    limits.check_pixels(*picture.size)
    width, height = picture.size
    # Pillow turns a TIFF upright as it loads it.
    transpose = None if stored_format == "TIFF" else _UPRIGHT.get(_orientation(picture))
    if transpose in {_UPRIGHT[5], _UPRIGHT[6], _UPRIGHT[7], _UPRIGHT[8]}:
        width, height = height, width
    if stored_format == "JPEG" and picture.mode in {"RGB", "L"}:
        pixels = _decode_jpeg(data, wanted_pixels)
        if transpose is not None or _factor(pixels.shape[:2], wanted_pixels) > 1:
            pixels = _finished(Pillow.fromarray(pixels), transpose, wanted_pixels)
    else:
        if stored_format == "JPEG" and wanted_pixels is not None:
            picture.draft(None, _scaled(picture.size, wanted_pixels))
        pixels = _finished(_to_rgb(picture), transpose, wanted_pixels)
    return Image(
        sha256=hashlib.sha256(data).hexdigest(),
        format=stored_format.lower(),
        width=width,
        height=height,
        pixels=np.ascontiguousarray(pixels),
        encoded_bytes=len(data),
    )


def _orientation(picture: Pillow.Image) -> int:
    """The EXIF orientation; 1 where there is none or it cannot be read."""
    try:
        value = picture.getexif().get(_ORIENTATION_TAG, 1)
    except (SyntaxError, struct.error, TypeError, KeyError, IndexError):
        return 1
    return value if isinstance(value, int) else 1


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
        ground.alpha_composite(layer)
        return ground.convert("RGB")
    if picture.mode == "RGB":
        picture.load()  # converting would copy
        return picture
    return picture.convert("RGB")


def _finished(
    picture: Pillow.Image, transpose: Pillow.Transpose | None, wanted_pixels: int | None
) -> NDArray[np.uint8]:
    """Average whole boxes of pixels, then turn upright."""
    factor = _factor(picture.size, wanted_pixels)
    if factor > 1:
        picture = picture.reduce(factor)
    if transpose is not None:
        picture = picture.transpose(transpose)
    return np.array(picture, dtype=np.uint8)


def _factor(sides: tuple[int, ...], wanted_pixels: int | None) -> int:
    """How many pixels become one, so that the shorter side stays large enough."""
    return 1 if wanted_pixels is None else max(1, min(sides) // wanted_pixels)


def _scaled(size: tuple[int, int], wanted_pixels: int) -> tuple[int, int]:
    scale = max(1.0, min(size) / wanted_pixels)
    return int(size[0] / scale), int(size[1] / scale)


def _verdict(data: bytes, error: Exception) -> RowError:
    """Say what is wrong with a picture that could not be decoded."""
    name = unsupported_format(data)
    if name:
        return RowError(
            FailureKind.UNSUPPORTED_FORMAT,
            f"The picture is {name}, which is not read. Convert it to JPEG, PNG or WebP, then run "
            "with --only-failed.",
        )
    if any(sign in str(error) for sign in _BOMB_SIGNS):
        return RowError(
            FailureKind.DECOMPRESSION_BOMB,
            "The picture's texts unpack to far more than they should. Save it anew without its "
            "metadata, then run with --only-failed.",
        )
    if not data:
        return RowError(
            FailureKind.NOT_AN_IMAGE,
            "The content is empty: zero bytes. Put a picture there, then run with --only-failed.",
        )
    known = decoded_format(data)
    if known is None:
        kind = content_kind(data)
        return RowError(
            FailureKind.NOT_AN_IMAGE,
            f"The content is {f'{kind}, not a picture' if kind else 'of no known kind'}. Put a "
            "picture there, then run with --only-failed.",
        )
    if not reaches_end(data, known):
        return RowError(
            FailureKind.TRUNCATED,
            f"The {known} picture is cut short after {len(data):,} bytes. Put the whole of it "
            "there, then run with --only-failed.",
        )
    # Not the library's words for it, some of which hold bytes of the file.
    what = "header" if isinstance(error, UnidentifiedImageError) else "content"
    return RowError(
        FailureKind.NOT_AN_IMAGE,
        f"The {known} picture is damaged: its {what} cannot be read. Replace it or save it anew, "
        "then run with --only-failed.",
    )


def _out_of_memory(limits: DecodeLimits) -> RowError:
    return RowError(
        FailureKind.OUT_OF_MEMORY,
        f"Decoding the picture takes more than the {limits.max_memory >> 20} MiB allowed. "
        "Make the picture smaller.",
    )
