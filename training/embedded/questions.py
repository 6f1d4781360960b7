"""Questions of easy-VQA, asked of pictures of other colours and shapes.

A question is taken whole with its answer, and its words for colours and shapes are exchanged so
that the picture it was asked of becomes another one. So the questions of painted pictures are as
often about this and that, and their answers as often yes, as those of the split they are from.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.captions import COLORS, SHAPES

_WORDS = re.compile("|".join((*COLORS, *SHAPES)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with its answer, and what its picture shows.

    Attributes:
        color: index in ``COLORS``; ``shape``: in ``SHAPES``.

    """

    question: str
    answer: str
    color: int
    shape: int


def asked_of(asked: Asked, color: int, shape: int, random: np.random.Generator) -> tuple[str, str]:
    """Ask the same of a picture of another colour and shape; give question and answer.

    All words of colours are exchanged by one permutation that takes the question's picture's colour
    to the new one's, and so are those of shapes.
    """
    words = {
        **_exchanged(COLORS, asked.color, color, random),
        **_exchanged(SHAPES, asked.shape, shape, random),
    }

    def exchange(text: str) -> str:
        return _WORDS.sub(lambda found: words[found[0]], text)

    return exchange(asked.question), exchange(asked.answer)


def _exchanged(
    names: Sequence[str], old: int, new: int, random: np.random.Generator
) -> dict[str, str]:
    order = random.permutation(len(names))
    at = int(np.flatnonzero(order == new)[0])
    order[at], order[old] = order[old], new
    return {name: names[number] for name, number in zip(names, order.tolist(), strict=True)}
