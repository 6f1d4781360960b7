"""Damaged pictures through the decoder pool: each becomes an image or a failure, nothing hangs.

``python -m bench.fuzz --pictures 100000``: JPEG, PNG, WebP, GIF, BMP and TIFF files of the easy-VQA
test split and of synthetic photos, with flipped bits, cuts, swapped headers, doubled and zeroed
ranges. The same seed gives the same pictures. Exits with 1 if a helper crashed or hung, or if a
picture ended in a way that is not allowed.
"""

import argparse
import collections
import io
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from easy_vqa import get_test_image_paths
from PIL import Image as Pillow

from bench.decode import photos
from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.decoding.limits import DecodeLimits
from storage.decoding.pool import DecoderPool

# A flipped bit may claim a size: pictures of these few pixels may then be bombs, too large or slow.
ALLOWED = frozenset(
    {
        FailureKind.NOT_AN_IMAGE,
        FailureKind.UNSUPPORTED_FORMAT,
        FailureKind.TRUNCATED,
        FailureKind.DECOMPRESSION_BOMB,
        FailureKind.OUT_OF_MEMORY,
    }
)
_ENCODINGS: tuple[tuple[str, dict[str, object], tuple[str, ...]], ...] = (
    ("JPEG", {"quality": 85}, ("RGB", "L", "CMYK")),
    ("JPEG", {"quality": 90, "progressive": True}, ("RGB", "L")),
    ("PNG", {}, ("RGB", "L", "P", "RGBA", "LA", "1", "I;16")),
    ("WEBP", {"quality": 80}, ("RGB", "RGBA")),
    ("WEBP", {"lossless": True}, ("RGB", "RGBA")),
    ("GIF", {}, ("P", "L")),
    ("BMP", {}, ("RGB", "P", "L", "1")),
    ("TIFF", {}, ("RGB", "L", "P", "RGBA", "CMYK", "1", "I;16")),
    ("TIFF", {"compression": "tiff_lzw"}, ("RGB", "L", "P")),
    ("TIFF", {"compression": "jpeg"}, ("RGB", "L")),
)
_WANTED = (None, 24, 224)
_HEADER = 64

Mutation = Callable[[np.random.Generator, bytearray, bytes], None]


def originals(count: int) -> list[bytes]:
    """Whole pictures in every encoding, in the modes it can hold."""
    paths = get_test_image_paths()
    shapes = [Pillow.open(Path(paths[number])).convert("RGB") for number in range(count)]
    shades = [Pillow.open(io.BytesIO(data)).convert("RGB") for data in photos(4, 96, 72, "PNG")]
    encoded = []
    for picture, (kind, options, modes) in itertools.product(shapes + shades, _ENCODINGS):
        for mode in modes:
            sink = io.BytesIO()
            (picture.convert("L") if mode == "I;16" else picture).convert(mode).save(
                sink, kind, **options
            )
            encoded.append(sink.getvalue())
    return encoded


def flip(random: np.random.Generator, data: bytearray, other: bytes) -> None:  # noqa: ARG001
    for where in random.integers(0, len(data), random.integers(1, 12)):
        data[where] ^= 1 << int(random.integers(0, 8))


def flip_in_header(random: np.random.Generator, data: bytearray, other: bytes) -> None:  # noqa: ARG001
    for where in random.integers(0, min(_HEADER, len(data)), random.integers(1, 4)):
        data[where] = int(random.integers(0, 256))


def cut(random: np.random.Generator, data: bytearray, other: bytes) -> None:  # noqa: ARG001
    del data[int(random.integers(0, len(data))) :]


def swap_header(random: np.random.Generator, data: bytearray, other: bytes) -> None:
    count = int(random.integers(1, _HEADER))
    data[:count] = other[:count]


def zero(random: np.random.Generator, data: bytearray, other: bytes) -> None:  # noqa: ARG001
    start = int(random.integers(0, len(data)))
    stop = min(len(data), start + int(random.integers(1, 200)))
    data[start:stop] = bytes(stop - start)


def double(random: np.random.Generator, data: bytearray, other: bytes) -> None:  # noqa: ARG001
    start, stop = sorted(int(place) for place in random.integers(0, len(data), 2))
    data[stop:stop] = data[start:stop]


def splice(random: np.random.Generator, data: bytearray, other: bytes) -> None:
    data[int(random.integers(0, len(data))) :] = other[int(random.integers(0, len(other))) :]


MUTATIONS: tuple[Mutation, ...] = (flip, flip_in_header, cut, swap_header, zero, double, splice)


def mutated(whole: list[bytes], count: int, seed: int) -> Iterator[tuple[bytes, int | None]]:
    """Damaged pictures, and the shorter side to ask for."""
    random = np.random.default_rng(seed)
    for number in range(count):
        data = bytearray(whole[int(random.integers(0, len(whole)))])
        for _ in range(int(random.integers(1, 3))):
            if data:
                other = whole[int(random.integers(0, len(whole)))]
                MUTATIONS[int(random.integers(0, len(MUTATIONS)))](random, data, other)
        yield bytes(data), _WANTED[number % len(_WANTED)]


def outcome(pool: DecoderPool, data: bytes, wanted_pixels: int | None) -> str:
    """``image``, or the kind of the failure."""
    try:
        image = pool.decode(data, wanted_pixels)
    except RowError as error:
        return error.kind.value
    rows, columns, samples = image.pixels.shape
    assert samples == 3
    assert image.pixels.dtype == np.uint8
    assert 0 < rows <= image.height
    assert 0 < columns <= image.width
    return "image"


def run(
    pictures: int, helpers: int, seed: int, limits: DecodeLimits
) -> tuple[collections.Counter[str], int]:
    """Counts by outcome, and how many helpers had to be replaced."""
    counts: collections.Counter[str] = collections.Counter()
    work = mutated(originals(10), pictures, seed)
    with DecoderPool(helpers, limits) as pool, ThreadPoolExecutor(helpers) as threads:
        replaced = 0
        while chunk := list(itertools.islice(work, 2_000)):
            before = pool.pids
            counts.update(threads.map(lambda item: outcome(pool, *item), chunk))
            replaced += sum(old != new for old, new in zip(before, pool.pids, strict=True))
    return counts, replaced


def main() -> int:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--helpers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    counts, replaced = run(options.pictures, options.helpers, options.seed, DecodeLimits())
    took = time.perf_counter() - started
    for kind, count in counts.most_common():
        print(f"{kind:20} {count:>9,}")
    print(f"{counts.total():,} pictures in {took:.0f} s, {counts.total() / took:,.0f} a second")
    print(f"crashes: {counts['crashed']}, hangs: {counts['timeout']}, replaced: {replaced}")
    unexpected = set(counts) - {kind.value for kind in ALLOWED} - {"image"}
    if unexpected or replaced:
        print(f"not allowed: {', '.join(sorted(unexpected)) or 'a replaced helper'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
