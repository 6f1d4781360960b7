"""Frechet distance between two sets of vectors, as if both were normally distributed.

|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) (Dowson and Landau 1982; of Inception features Heusel
et al. 2017, "GANs trained by a two time-scale update rule").
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svdvals

from transforms.metrics.jackknife import jackknife_interval
from transforms.metrics.metric import Value
from transforms.metrics.moments import BlockMoments, Moments, without_each

NAME = "frechet_distance"

Floats = NDArray[np.float64]


class _Normal:
    """A normal distribution, with a root of its covariance."""

    def __init__(self, moments: Moments) -> None:
        self.mean = moments.mean
        covariance = moments.covariance()
        self.trace = float(np.trace(covariance))
        values, vectors = np.linalg.eigh(covariance)
        # What rounding leaves of zero would count by its square root.
        real = values > len(values) * np.finfo(np.float64).eps * max(float(values[-1]), 0.0)
        self.factor: Floats = vectors[:, real] * np.sqrt(values[real])


def frechet_distance(one: Moments, other: Moments) -> float:
    """The distance of two sets of vectors; NaN where one has fewer than two."""
    if min(one.count, other.count) < 2:
        return math.nan
    return _distance(_Normal(one), _Normal(other))


def frechet_value(generated: BlockMoments, reference: BlockMoments) -> Value | None:
    """The distance, with the jackknife's interval over blocks of both; None where it has none.

    What takes time are the eigenvalues: 21 times those of a matrix of dimension x dimension.
    """
    blocks, reference_blocks = generated.of_each(), reference.of_each()
    of_generated, of_reference = Moments.merge(blocks), Moments.merge(reference_blocks)
    if min(of_generated.count, of_reference.count) < 2:
        return None
    one, other = _Normal(of_generated), _Normal(of_reference)
    value = _distance(one, other)
    without_generated = [
        _distance(_Normal(part), other) if part.count > 1 else math.nan
        for part in without_each(blocks)
    ]
    without_reference = [
        _distance(one, _Normal(part)) if part.count > 1 else math.nan
        for part in without_each(reference_blocks)
    ]
    low, high = jackknife_interval(
        value, [np.array(without_generated), np.array(without_reference)]
    )
    return Value(metric=NAME, value=value, low=max(low, 0.0), high=high, count=of_generated.count)


def _distance(one: _Normal, other: _Normal) -> float:
    # Of roots F of S1 and G of S2, S1 S2 has the eigenvalues of F'G G'F: squares of the singular
    # values of F'G. Nothing is squared that had to be rooted.
    shared = one.factor.T @ other.factor
    root = float(svdvals(shared).sum()) if shared.size else 0.0
    apart = one.mean - other.mean
    return max(float(apart @ apart) + one.trace + other.trace - 2 * root, 0.0)
