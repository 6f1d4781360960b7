"""CIDEr by its formula, plainly: without the clipping and the Gaussian that make CIDEr-D of it."""

import math
from collections import Counter
from collections.abc import Sequence


def plain_cider(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Score each candidate, on the scale on which pycocoevalcap scores CIDEr-D."""
    in_rows: Counter[tuple[str, ...]] = Counter()
    for some in references:
        in_rows.update({gram for text in some for gram in _grams(text)})

    def vector(text: str, order: int) -> dict[tuple[str, ...], float]:
        return {
            gram: count * (math.log(len(references)) - math.log(max(1, in_rows[gram])))
            for gram, count in _grams(text).items()
            if len(gram) == order
        }

    def cosine(one: dict[tuple[str, ...], float], other: dict[tuple[str, ...], float]) -> float:
        product = sum(value * other.get(gram, 0.0) for gram, value in one.items())
        size = math.hypot(*one.values()) * math.hypot(*other.values())
        return product / size if size else 0.0

    return [
        sum(
            cosine(vector(candidate, order), vector(text, order))
            for text in some
            for order in (1, 2, 3, 4)
        )
        * (10 / 4 / len(some))
        for candidate, some in zip(candidates, references, strict=True)
    ]


def _grams(text: str) -> Counter[tuple[str, ...]]:
    words = text.split()
    return Counter(
        tuple(words[start : start + order])
        for order in (1, 2, 3, 4)
        for start in range(len(words) - order + 1)
    )
