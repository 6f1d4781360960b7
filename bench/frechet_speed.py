"""Mean and covariance of 100,000 x 2,048 features in one pass, against the bare matrix product.

``python -m bench.frechet_speed [--rows N] [--dimension D] [--distance]``: both on one core, in
turns. The features come in blocks as a worker reads them, each with a key, and are added up for
each of the jackknife's blocks, as the job does it; the bare product is ``X.T @ X`` of all
features at once, in float64. Prints seconds of processor time, how often the product fits into
ours (the least of a few rounds of each), and the largest difference to numpy's covariance. With
``--distance`` the distance to a second set is compared with scipy's square root of a matrix,
which takes minutes.
"""

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from transforms.metrics.frechet import frechet_distance
from transforms.metrics.moments import BlockMoments, Moments

_ROWS_AT_ONCE = 10_000
_Result = TypeVar("_Result")

Features = NDArray[np.float32]


def main() -> None:
    """Print the ratio and the differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--distance", action="store_true")
    arguments = parser.parse_args()
    features = make_features(arguments.rows, arguments.dimension, seed=0)
    wide = features.astype(np.float64)
    keys = np.random.default_rng(1).integers(0, 1 << 64, len(features), dtype=np.uint64)
    times: dict[str, list[float]] = {"product": [], "ours": []}
    for _ in range(arguments.rounds):
        seconds, _product = timed(lambda: wide.T @ wide)
        times["product"].append(seconds)
        seconds, whole = timed(lambda: streamed(features, keys))
        times["ours"].append(seconds)
    del _product
    product, ours = min(times["product"]), min(times["ours"])
    print(f"{arguments.rows:,} x {arguments.dimension:,} features, processor seconds")
    print(f"bare product X.T @ X     {product:8.2f}")
    print(f"mean and covariance      {ours:8.2f}   {ours / product:.2f} times the product")
    expected = (wide - wide.mean(axis=0)).T @ (wide - wide.mean(axis=0)) / (len(wide) - 1)
    apart = float(np.abs(whole.covariance() - expected).max())
    print(f"largest difference of the covariance: {apart:.1e}")
    if arguments.distance:
        _compare(whole, expected, wide.mean(axis=0), arguments)


def _compare(
    whole: Moments,
    covariance: NDArray[np.float64],
    mean: NDArray[np.float64],
    arguments: argparse.Namespace,
) -> None:
    other = make_features(arguments.rows // 2, arguments.dimension, seed=2)
    keys = np.random.default_rng(3).integers(0, 1 << 64, len(other), dtype=np.uint64)
    seconds, found = timed(lambda: frechet_distance(whole, streamed(other, keys)))
    of_other = np.cov(other.astype(np.float64), rowvar=False)
    theirs, root = timed(lambda: np.real(sqrtm(covariance @ of_other)))
    between = mean - other.mean(axis=0, dtype=np.float64)
    expected = float(between @ between + np.trace(covariance + of_other - 2 * root))
    print(f"Frechet distance: ours {found:.9f} in {seconds:.1f} s with the second set's pass")
    print(f"                scipy's {expected:.9f}, its root alone in {theirs:.1f} s")
    print(f"difference: {abs(found - expected):.1e}")


def make_features(rows: int, dimension: int, seed: int) -> Features:
    """Correlated features, above zero as those behind a ReLU are."""
    draw = np.random.default_rng(seed)
    hidden = draw.normal(size=(rows, 64)).astype(np.float32)
    mixed = hidden @ draw.normal(size=(64, dimension)).astype(np.float32) / 8
    mixed += draw.normal(size=(rows, dimension)).astype(np.float32) / 4
    positive: Features = np.maximum(mixed, 0)
    return positive


def streamed(features: Features, keys: NDArray[np.uint64]) -> Moments:
    """One pass, as workers and their combining make it."""
    moments: BlockMoments | None = None
    for start in range(0, len(features), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        added = BlockMoments.of(features[rows], keys[rows])
        moments = added if moments is None else BlockMoments.merge([moments, added])
    assert moments is not None
    return Moments.merge(moments.of_each())


def timed(call: Callable[[], _Result]) -> tuple[float, _Result]:
    """Processor seconds of this process, and what the call gives."""
    started = time.process_time()
    result = call()
    return time.process_time() - started, result


if __name__ == "__main__":
    main()
