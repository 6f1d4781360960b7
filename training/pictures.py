"""The pictures of easy-VQA whose colour and shape its questions give away."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from schemas.errors import UsageError
from training.captions import COLORS, SHAPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Labelled pictures.

    Attributes:
        pixels: uint8 ``[pictures, 64, 64, 3]``, RGB.
        colors: int64 ``[pictures]``, indices in ``COLORS``.
        shapes: int64 ``[pictures]``, indices in ``SHAPES``.

    """

    pixels: NDArray[np.uint8]
    colors: NDArray[np.int64]
    shapes: NDArray[np.int64]


def read_pictures(split: Literal["train", "test"]) -> Pictures:
    """Read one of easy-VQA's official splits, in the order of its numbers.

    Raises:
        UsageError: the package ``easy-vqa`` is not installed.

    """
    try:
        import easy_vqa
    except ImportError as error:
        raise UsageError("Training needs its pictures: pip install 'easy-vqa==1.0'.") from error
    if split == "train":
        paths, questions = easy_vqa.get_train_image_paths(), easy_vqa.get_train_questions()
    else:
        paths, questions = easy_vqa.get_test_image_paths(), easy_vqa.get_test_questions()
    looks = looks_told(zip(*questions, strict=True))
    numbers = sorted(looks)
    return Pictures(
        pixels=np.stack([_read(paths[number]) for number in numbers]),
        colors=np.array([COLORS.index(looks[number][0]) for number in numbers]),
        shapes=np.array([SHAPES.index(looks[number][1]) for number in numbers]),
    )


def looks_told(rows: Iterable[tuple[str, str, int]]) -> dict[int, tuple[str, str]]:
    """Find what questions and answers tell of their pictures.

    An answer other than yes and no is a fact, and so is what its question takes for granted ("what
    color is the triangle?"). A yes, or a no to a question with a negation, confirms what was asked.

    Args:
        rows: question, answer and number of the picture.

    Returns:
        Colour and shape of each picture of which both are told without contradiction.

    """
    told: dict[int, set[str]] = {}
    for question, answer, number in rows:
        words = set(re.findall(r"[a-z]+", question))
        facts = told.setdefault(number, set())
        if answer not in {"yes", "no"}:
            facts |= words | {answer}
        elif (answer == "yes") != bool(words & {"not", "no"}):
            facts |= words
    looks = {}
    for number, facts in told.items():
        colors, shapes = facts & {*COLORS}, facts & {*SHAPES}
        if len(colors) == len(shapes) == 1:
            looks[number] = (colors.pop(), shapes.pop())
    return looks


def _read(path: str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
