"""How much of a codebook is used: codes counted by the jackknife's blocks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.jackknife import BLOCKS, block_of, jackknife_interval
from transforms.metrics.metric import Value

CODE_METRICS = ("codes_used", "code_perplexity")
"""What codes are scored by."""

CODE_ROW_SCORES = ("distinct_codes",)
"""The scores of single pictures."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodeUse:
    """How often each code was used.

    Attributes:
        rows: how many pictures were added.
        counts: int64 of shape (blocks, codes), up to the highest code that was seen.

    """

    rows: int
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, codes: Sequence[NDArray[np.int32]], keys: NDArray[np.uint64]) -> "CodeUse":
        """Count the codes of pictures."""
        blocks = np.repeat(block_of(keys), [len(one) for one in codes])
        flat = np.concatenate(codes).astype(np.int64)
        size = int(flat.max()) + 1
        counts = np.bincount(blocks * size + flat, minlength=BLOCKS * size)
        return cls(rows=len(codes), counts=counts.reshape(BLOCKS, size).astype(np.int64))

    @classmethod
    def merge(cls, some: Iterable["CodeUse"]) -> "CodeUse":
        """Those of all together; of one at least."""
        parts = list(some)
        counts = np.zeros((BLOCKS, max(part.counts.shape[1] for part in parts)), np.int64)
        for part in parts:
            counts[:, : part.counts.shape[1]] += part.counts
        return cls(rows=sum(part.rows for part in parts), counts=counts)

    def values(self) -> list[Value]:
        """:data:`CODE_METRICS`: how many codes occur, and how many would be as even as they are.

        The first is a count of what was seen, and has no interval.
        """
        whole = self.counts.sum(axis=0)
        filled = self.counts[self.counts.any(axis=1)]
        without = np.array([perplexity(whole - block) for block in filled])
        value = perplexity(whole)
        low, high = jackknife_interval(value, [without])
        used, even = CODE_METRICS
        return [
            Value(
                metric=used,
                value=float(np.count_nonzero(whole)),
                low=math.nan,
                high=math.nan,
                count=self.rows,
            ),
            Value(metric=even, value=value, low=max(low, 1.0), high=high, count=self.rows),
        ]


def perplexity(counts: NDArray[np.int64]) -> float:
    """Exp of the entropy of how codes are distributed; NaN of none."""
    seen = counts[counts > 0]
    if not len(seen):
        return math.nan
    shares = seen / seen.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def distinct_codes(codes: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
    """How many different codes each picture has, shape (rows, 1)."""
    return np.array([[len(np.unique(one))] for one in codes], np.float64).reshape(-1, 1)
