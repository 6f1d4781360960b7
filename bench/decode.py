"""What decoding costs: reduced decoding against plain Pillow, and what helper processes add.

``python -m bench.decode``: 2.5-megapixel JPEGs to a shorter side of 224 pixels on one thread,
against Pillow's full decode and resize; median of five interleaved pairs.
"""

import io
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image as Pillow

from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits
from storage.decoding.pool import DecoderPool

_WANTED = 224
_PAIRS = 5


def photos(count: int, width: int, height: int, kind: str, **options: int) -> list[bytes]:
    """Synthetic photos: smooth shading, edges and grain."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width]
    pictures = []
    for number in range(count):
        planes = [
            np.sin(columns / (31 + number) + k) * np.cos(rows / 47 - k) * 90
            + 40 * ((columns + k * rows) // 97 % 2)
            + random.normal(0, 6, rows.shape)
            + 108
            for k in range(3)
        ]
        sink = io.BytesIO()
        pixels = np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)
        Pillow.fromarray(pixels).save(sink, kind, **options)
        pictures.append(sink.getvalue())
    return pictures


def with_pillow(data: bytes) -> object:
    picture = Pillow.open(io.BytesIO(data)).convert("RGB")
    scale = _WANTED / min(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    return np.asarray(picture.resize(size, Pillow.Resampling.BICUBIC))


def with_ours(data: bytes) -> object:
    return decode_image(data, limits=DecodeLimits(), wanted_pixels=_WANTED)


def with_ours_resized(data: bytes) -> object:
    image = decode_image(data, limits=DecodeLimits(), wanted_pixels=_WANTED)
    picture = Pillow.fromarray(image.pixels)
    scale = _WANTED / min(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    return np.asarray(picture.resize(size, Pillow.Resampling.BICUBIC))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def ratio(pictures: list[bytes], ours: Callable[[bytes], object]) -> float:
    """How many times faster ours is: median of interleaved pairs."""
    ratios = []
    for _ in range(_PAIRS):
        theirs = seconds(lambda: [with_pillow(data) for data in pictures])
        ratios.append(theirs / seconds(lambda: [ours(data) for data in pictures]))
    return statistics.median(ratios)


def through_helpers(pictures: list[bytes], helpers: int, wanted: int | None) -> float:
    """Seconds through a pool, started before the clock."""
    with DecoderPool(helpers, DecodeLimits()) as pool, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda data: pool.decode(data, wanted), pictures[: 2 * helpers]))
        return seconds(lambda: list(threads.map(lambda data: pool.decode(data, wanted), pictures)))


def main() -> None:
    """Print the ratios."""
    for quality in (85, 95):
        large = photos(12, 1936, 1288, "JPEG", quality=quality)
        print(f"JPEG quality {quality}, 2.5 megapixels to {_WANTED}, one thread, against Pillow:")
        print(f"  {ratio(large, with_ours):.2f} x; {ratio(large, with_ours_resized):.2f} x resized")
    for name, pictures, wanted in (
        ("64x64 PNG", photos(40, 64, 64, "PNG") * 10, None),
        ("2.5 MP JPEG", photos(12, 1936, 1288, "JPEG", quality=85), _WANTED),
    ):
        here = seconds(
            lambda pictures=pictures, wanted=wanted: [  # type: ignore[misc]
                decode_image(data, limits=DecodeLimits(), wanted_pixels=wanted) for data in pictures
            ]
        )
        for helpers in (1, 2):
            apart = through_helpers(pictures, helpers, wanted)
            print(f"{name}: {helpers} helpers take {apart / here:.2f} of the time of this process")


if __name__ == "__main__":
    main()
