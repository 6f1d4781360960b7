"""Guidance, contrast and nucleus sampling, as their papers write them, one row at a time."""

import math

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]


def probabilities(logits: Row) -> Row:
    """The softmax."""
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def guided(unconditional: Row, conditional: Row, scale: float) -> Row:
    """``uncond + a * (cond - uncond)`` (arXiv 2309.02591, section 3.1)."""
    return np.array([u + scale * (c - u) for u, c in zip(unconditional, conditional, strict=True)])


def guided_edit(
    nothing: Row, picture: Row, both: Row, image_scale: float, text_scale: float
) -> Row:
    """``e(0, 0) + s_I (e(I, 0) - e(0, 0)) + s_T (e(I, T) - e(I, 0))`` (arXiv 2211.09800, eq. 3)."""
    return np.array(
        [
            n + image_scale * (i - n) + text_scale * (b - i)
            for n, i, b in zip(nothing, picture, both, strict=True)
        ]
    )


def contrasted(expert: Row, amateur: Row, k: int, alpha: float) -> Row:
    """``log(p_exp / p_ama)`` where ``p_exp >= alpha * kth largest p_exp`` (arXiv 2309.02591)."""
    p_expert, p_amateur = probabilities(expert), probabilities(amateur)
    bar = alpha * sorted(p_expert, reverse=True)[k - 1]
    return np.array(
        [
            math.log(e / a) if e >= bar else -math.inf
            for e, a in zip(p_expert, p_amateur, strict=True)
        ]
    )


def nucleus(logits: Row, p: float) -> set[int]:
    """The smallest set of the likeliest tokens whose probabilities sum to p (arXiv 1904.09751)."""
    p_all = probabilities(logits)
    kept: set[int] = set()
    total = 0.0
    for token in np.argsort(-p_all, kind="stable"):
        if total >= p:
            break
        kept.add(int(token))
        total += p_all[token]
    return kept
