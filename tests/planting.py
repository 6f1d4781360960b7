"""Copies of real pictures, planted among others: rescaled, saved anew, cropped, shifted in colour.

What is planted is known, so what is found can be counted.
"""

import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from easy_vqa import get_test_image_paths, get_train_image_paths
from PIL import Image

_FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
_MOST_LEVELS = 5


def rescaled(picture: Image.Image, rng: random.Random) -> Image.Image:
    """At half to twice the size, by one of three filters."""
    scale = rng.choice([0.5, 0.75, 1.5, 2.0])
    size = round(picture.width * scale), round(picture.height * scale)
    return picture.resize(size, rng.choice(_FILTERS))


def recompressed(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Through a JPEG of quality 50 to 95."""
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=rng.choice([50, 70, 85, 95]))
    return Image.open(held).convert("RGB")


def cropped(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Without 2 % of width and of height, a pixel at least, cut off at any side."""
    across, down = (max(1, round(side * 0.02)) for side in picture.size)
    left, top = rng.randint(0, across), rng.randint(0, down)
    return picture.crop((left, top, picture.width - across + left, picture.height - down + top))


def recoloured(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Each channel shifted by up to 5 of 255 levels, which is 2 %."""
    shifts = [rng.uniform(-_MOST_LEVELS, _MOST_LEVELS) for _ in range(3)]
    shifted = np.asarray(picture).astype(np.float64) + shifts
    return Image.fromarray(np.clip(shifted, 0, 255).round().astype(np.uint8))


EDITS: tuple[Callable[[Image.Image, random.Random], Image.Image], ...] = (
    rescaled,
    recompressed,
    cropped,
    recoloured,
)


@dataclass(frozen=True)
class Planted:
    """A folder of pictures.

    Attributes:
        sources: of each planted copy the original, by their ids.
        kinds: of each planted copy how it was made.

    """

    folder: Path
    sources: Mapping[str, str]
    kinds: Mapping[str, str]

    def groups(self, names: "list[str]") -> list[int]:
        """A number for each picture, the same for an original and what was made of it."""
        roots = [self.sources.get(name, name) for name in names]
        numbers = {root: number for number, root in enumerate(dict.fromkeys(roots))}
        return [numbers[root] for root in roots]


def plant(folder: Path, originals: int, copies: int, seed: int = 0) -> Planted:
    """Write the first easy-VQA pictures, and copies of some of them, as PNG files.

    Args:
        copies: how many, each of another original, as many of each kind.

    """
    folder.mkdir(parents=True)
    rng = random.Random(seed)
    paths = [*get_train_image_paths().values(), *get_test_image_paths().values()][:originals]
    names = [f"{number:04d}.png" for number in range(originals)]
    for name, path in zip(names, paths, strict=True):
        (folder / name).symlink_to(path)
    sources, kinds = {}, {}
    for number, chosen in enumerate(rng.sample(range(originals), copies)):
        edit = EDITS[number % len(EDITS)]
        copy = f"{chosen:04d}-{edit.__name__}.png"
        with Image.open(paths[chosen]) as picture:
            edit(picture.convert("RGB"), rng).save(folder / copy)
        sources[copy], kinds[copy] = names[chosen], edit.__name__
    return Planted(folder, sources, kinds)
