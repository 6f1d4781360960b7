"""What is added up over pairs of rows, for all of them and for each slice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.comparison.sign_flips import FLIPS, sign_flips
from transforms.metrics.poisson_weights import REPLICATES, poisson_weights

_TIE = 1e-9
"""Scores no further apart are the same: equal texts may differ in the last digits."""

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedScores:
    """Scores of some pairs of rows, with their draws.

    Attributes:
        a, b: scores, shape (rows, means); 0 where one of the two has none.
        there: whether both have one, 1 or 0, of the same shape.
        corpus: statistics of A and behind them those of B, shape (rows, 2 * statistics).
        weights: of the bootstrap, shape (rows, replicates).
        differing: places of the rows of which any score differs; ``signs``: theirs, of shape
            (rows that differ, flips).

    """

    a: Floats
    b: Floats
    there: Floats
    corpus: Floats
    weights: Floats
    differing: Places
    signs: Floats

    @classmethod
    def of(cls, keys: NDArray[np.uint64], a: Floats, b: Floats, corpus: Floats) -> "PairedScores":
        """Draw for some pairs of rows; a score that is not finite is none."""
        there = np.isfinite(a) & np.isfinite(b)
        a, b = np.where(there, a, 0.0), np.where(there, b, 0.0)
        b = np.where(np.abs(b - a) <= _TIE, a, b)
        differing = np.flatnonzero((a != b).any(axis=1))
        return cls(
            a=a,
            b=b,
            there=there.astype(np.float64),
            corpus=corpus,
            weights=poisson_weights(keys),
            differing=differing,
            signs=sign_flips(keys[differing]),
        )


class PairedSums:
    """Sums over pairs of rows.

    Args:
        means: metrics that are means of rows' scores.
        statistics: of one model's metrics that are none.

    Attributes:
        rows, a, b, absolute, squared, wins, losses: of each mean metric, shape (means,): pairs
            that have it, sums of its scores, of its differences' absolute values and squares, and
            on how many rows B is better or worse.
        flipped: sums of differences under random signs, shape (means, flips).
        corpus: sums of the statistics of A, then of B, shape (2 * statistics,).
        replicates: bootstrap replicates of the sums of ``there``, of differences and of ``corpus``,
            shape (2 * means + 2 * statistics, replicates).

    """

    def __init__(self, means: int, statistics: int) -> None:
        self.rows, self.a, self.b, self.absolute, self.squared, self.wins, self.losses = np.zeros(
            (7, means)
        )
        self.flipped = np.zeros((means, FLIPS))
        self.corpus = np.zeros(2 * statistics)
        self.replicates = np.zeros((2 * (means + statistics), REPLICATES))

    def add(self, scores: PairedScores, places: Places | None = None) -> None:
        """Add pairs up.

        Args:
            places: of the pairs to add, ascending; by default all of them.

        """
        chosen = slice(None) if places is None else places
        a, b, there = scores.a[chosen], scores.b[chosen], scores.there[chosen]
        corpus, difference = scores.corpus[chosen], b - a
        self.rows += there.sum(axis=0)
        self.a += a.sum(axis=0)
        self.b += b.sum(axis=0)
        self.absolute += np.abs(difference).sum(axis=0)
        self.squared += (difference**2).sum(axis=0)
        self.wins += (difference > 0).sum(axis=0)
        self.losses += (difference < 0).sum(axis=0)
        self.corpus += corpus.sum(axis=0)
        drawn = np.concatenate([there, difference, corpus], axis=1)
        self.replicates += drawn.T @ scores.weights[chosen]
        kept = slice(None) if places is None else np.isin(scores.differing, places)
        differing = scores.differing[kept]
        self.flipped += (scores.b[differing] - scores.a[differing]).T @ scores.signs[kept]
