"""The CM3 objective on bare lists of tokens, as the paper tells it (arXiv 2201.07520, section 2).

Written apart from the code it checks: it knows no segments, only tokens and where they may be cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A document with spans moved to its end.

    Attributes:
        tokens: the document.
        weights: 0 on each sentinel, else what the token had.

    """

    tokens: list[int]
    weights: list[float]


def mask(
    tokens: Sequence[int],
    weights: Sequence[float],
    spans: Sequence[tuple[int, int]],
    masks: Sequence[int],
    infill: int,
) -> Masked:
    """Replace spans by sentinels, and tell them at the end."""
    if not spans:
        return Masked(tokens=list(tokens), weights=list(weights))
    left: list[int] = []
    left_weights: list[float] = []
    for at, token in enumerate(tokens):
        number = next((n for n, (low, high) in enumerate(spans) if low <= at < high), None)
        if number is None:
            left.append(token)
            left_weights.append(weights[at])
        elif at == spans[number][0]:
            left.append(masks[number])
            left_weights.append(0.0)
    told, told_weights = [infill], [0.0]
    for number, (low, high) in enumerate(spans):
        told += [masks[number], *tokens[low:high]]
        told_weights += [0.0, *weights[low:high]]
    return Masked(tokens=left + told, weights=left_weights + told_weights)


def unmask(tokens: Sequence[int], masks: Sequence[int], infill: int) -> list[int]:
    """Put told spans where their sentinels stand; only token ids are looked at."""
    if infill not in tokens:
        return list(tokens)
    at = list(tokens).index(infill)
    told: dict[int, list[int]] = {}
    current = -1
    for token in tokens[at + 1 :]:
        if token in masks:
            current = token
            told[current] = []
        else:
            told[current].append(token)
    whole: list[int] = []
    for token in tokens[:at]:
        whole += told[token] if token in masks else [token]
    return whole


def allowed_cuts(kinds: Sequence[str]) -> list[tuple[int, int]]:
    """All spans that may be cut out, by the kind of each token.

    A span lies in text, or in one picture; ``kinds`` has a letter a token: t, i or m for a mark.
    """
    cuts = []
    for low in range(len(kinds)):
        for high in range(low + 1, len(kinds) + 1):
            if len(set(kinds[low:high])) > 1 or kinds[low] == "m":
                break
            cuts.append((low, high))
    return cuts
