"""BLEU of a corpus (Papineni et al. 2002, https://aclanthology.org/P02-1040), from sums over rows.

As pycocoevalcap has it: of several references the length nearest to the candidate's counts, the
shorter of two; and nothing is smoothed but for constants that keep from dividing by zero.
"""

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.ngrams import ORDERS, Integers, NgramBlock

STATISTICS = (
    *(f"matches_{order}" for order in range(1, ORDERS + 1)),
    *(f"ngrams_{order}" for order in range(1, ORDERS + 1)),
    "candidate_length",
    "reference_length",
)
"""What is added up over rows, in the order of :func:`bleu_statistics`."""

_SMALL = 1e-9
_TINY = 1e-15


def bleu_statistics(block: NgramBlock) -> Integers:
    """Count what BLEU is computed from: shape (rows, statistics), whole numbers.

    Matches are clipped: of an n-gram no more count than the reference has that has the most.
    """
    candidate = block.is_candidate
    most = (
        np.maximum.reduceat(np.where(candidate, 0, block.count), block.group_starts)
        if len(block.group_starts)
        else np.empty(0, np.int64)
    )
    clipped = np.minimum(block.count[candidate], most[block.group[candidate]])
    place = block.rows[block.sentence[candidate]] * ORDERS + block.orders[block.ngram[candidate]]
    # Sums of whole numbers far below 2**53: exact.
    matches = np.bincount(place, clipped, block.row_count * ORDERS).astype(np.int64)
    length = block.lengths[block.starts]
    ngrams = np.maximum(length[:, None] - np.arange(ORDERS), 0)
    return np.concatenate(
        [matches.reshape(-1, ORDERS), ngrams, length[:, None], _nearest(block)[:, None]], axis=1
    )


def _nearest(block: NgramBlock) -> Integers:
    """The length of the reference that is nearest in length, for each row."""
    apart = np.abs(block.lengths - block.lengths[block.starts[block.rows]])
    longest = int(block.lengths.max(initial=0)) + 1
    ranked = apart * longest + block.lengths
    ranked[block.starts] = np.iinfo(np.int64).max
    nearest: Integers = np.minimum.reduceat(ranked, block.starts) % longest
    return nearest


def bleu_of_sums(sums: NDArray[np.float64] | Integers) -> NDArray[np.float64]:
    """BLEU-1 to BLEU-4 of sums of statistics.

    Args:
        sums: shape (..., statistics).

    Returns:
        Shape (..., 4).

    """
    matches, ngrams = sums[..., :ORDERS], sums[..., ORDERS : 2 * ORDERS]
    candidate, reference = sums[..., -2], sums[..., -1]
    precision = np.cumprod((matches + _TINY) / (ngrams + _SMALL), axis=-1)
    ratio = (candidate + _TINY) / (reference + _SMALL)
    # Where the candidates are empty the quotient overflows to what it should be: no BLEU at all.
    with np.errstate(over="ignore", divide="ignore"):
        brevity = np.where(ratio < 1, np.exp(1 - 1 / ratio), 1.0)
    scores: NDArray[np.float64] = precision ** (1 / np.arange(1, ORDERS + 1)) * brevity[..., None]
    return scores
