"""False alarms of a comparison, and how often its intervals cover the truth.

``python -m bench.compare_alarms [--simulations 10000] [--rows 30 100 500]``: draws scores of two
models that are alike on average, compares them with the code that ``calumma compare`` runs, and
prints how often it calls them different at 5 % (``alarms``; with all ties counted, ``all ties``),
and how often the 95 % interval covers 0 (``covered``). 10,000 simulations know a share of 5 % to
0.22 points, one standard error.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.comparison.bootstrap import bootstrap_p_value, standard_error
from transforms.comparison.sign_flips import FLIPS, flip_p_values, sign_flips
from transforms.metrics.bleu import bleu_of_sums
from transforms.metrics.interval import interval
from transforms.metrics.poisson_weights import poisson_weights

LEVEL = 0.05
_AT_ONCE = 250

Floats = NDArray[np.float64]
Scores = Callable[[np.random.Generator, tuple[int, int]], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Shares of simulations.

    Attributes:
        alarms: called different at 5 %.
        all_ties: that would be without mid-p; NaN of a metric of all rows together.
        covered: the interval covers the true difference.

    """

    alarms: float
    all_ties: float
    covered: float


def answers(differing: float) -> Scores:
    """Right or wrong; the models differ on a share of the rows."""

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Floats, Floats]:
        one = (random.random(shape) < 0.7).astype(np.float64)
        differs = random.random(shape) < differing
        first = random.random(shape) < 0.5
        a, b = one.copy(), one.copy()
        a[differs], b[differs] = first[differs], ~first[differs]
        return a, b

    return draw


def vqa(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """VQA accuracies: thirds, most of them the same of both models."""
    values = np.array([0, 0.3, 0.6, 0.9, 1.0])
    a, b = (random.choice(values, shape, p=[0.3, 0.1, 0.1, 0.1, 0.4]) for _ in range(2))
    return a, np.where(random.random(shape) < 0.6, a, b)


def captions(same: float) -> Scores:
    """As CIDEr-D: skewed, hard and easy pictures, and a share of captions the same."""

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Floats, Floats]:
        picture = random.gamma(1.0, 1.0, shape)
        a, b = (picture * random.lognormal(0, 0.8, shape) for _ in range(2))
        return a, np.where(random.random(shape) < same, a, b)

    return draw


def uneven(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """As CIDEr-D, of the same mean; but one model is far more often at 0, and then far better.

    The models are not alike row by row, which is what flipping signs supposes.
    """
    picture = random.gamma(1.0, 1.0, shape)
    a = picture * random.lognormal(0, 0.5, shape) * np.exp(-0.125)
    hit = random.random(shape) < 0.5
    return a, 2 * hit * picture * random.lognormal(0, 0.5, shape) * np.exp(-0.125)


KINDS: Mapping[str, Scores] = {
    "answers, 10 % differ": answers(0.1),
    "answers, 40 % differ": answers(0.4),
    "VQA accuracy": vqa,
    "CIDEr-like": captions(0.0),
    "CIDEr-like, 40 % same": captions(0.4),
    "CIDEr-like, one uneven": uneven,
}


def of_means(scores: Scores, *, rows: int, simulations: int, seed: int) -> Rates:
    """Compare means of rows."""
    random = np.random.default_rng(seed)
    keys = random.integers(0, 1 << 64, rows, np.uint64)
    signs, weights = sign_flips(keys), poisson_weights(keys)
    drawn = weights.sum(axis=0)
    p: list[Floats] = []
    all_ties: list[Floats] = []
    covered = 0
    for start in range(0, simulations, _AT_ONCE):
        a, b = scores(random, (min(_AT_ONCE, simulations - start), rows))
        difference = b - a
        summed, absolute = difference.sum(axis=1), np.abs(difference).sum(axis=1)
        flipped = difference @ signs
        p.append(flip_p_values(summed, flipped, absolute, (difference**2).sum(axis=1)))
        reached = np.abs(flipped) >= np.abs(summed)[:, None] - 1e-10 * absolute[:, None]
        all_ties.append((reached.sum(axis=1) + 1) / (FLIPS + 1))
        for replicates in difference @ weights / drawn:
            low, high = interval(replicates, rows)
            covered += low <= 0 <= high
    return Rates(
        alarms=float(np.mean(np.concatenate(p) <= LEVEL)),
        all_ties=float(np.mean(np.concatenate(all_ties) <= LEVEL)),
        covered=covered / simulations,
    )


def of_bleu(*, rows: int, simulations: int, seed: int) -> Rates:
    """Compare BLEU-4 of captions of ten tokens or so, half of them in the references."""
    random = np.random.default_rng(seed)
    weights = poisson_weights(random.integers(0, 1 << 64, rows, np.uint64))
    alarms = covered = 0
    for _ in range(simulations):
        hard = random.beta(4, 4, rows)
        a, b = (_bleu_statistics(random, hard) for _ in range(2))
        found = float(bleu_of_sums(b.sum(axis=0))[3] - bleu_of_sums(a.sum(axis=0))[3])
        replicates = (bleu_of_sums(weights.T @ b) - bleu_of_sums(weights.T @ a))[:, 3]
        p = bootstrap_p_value(found, standard_error(replicates, rows), rows)
        alarms += p is not None and p <= LEVEL
        low, high = interval(replicates, rows)
        covered += low <= 0 <= high
    return Rates(alarms=alarms / simulations, all_ties=float("nan"), covered=covered / simulations)


def _bleu_statistics(random: np.random.Generator, hard: Floats) -> Floats:
    length = random.poisson(5, len(hard)) + 6
    ngrams = length[:, None] - np.arange(4)
    matches = random.binomial(ngrams, hard[:, None] ** (1 + np.arange(4) / 2))
    return np.column_stack([matches, ngrams, length, np.full(len(hard), 10)]).astype(np.float64)


def rates(all_rows: list[int], simulations: int) -> Iterator[tuple[str, int, Rates]]:
    """Simulate all kinds of scores."""
    for name, scores in KINDS.items():
        for rows in all_rows:
            yield name, rows, of_means(scores, rows=rows, simulations=simulations, seed=rows)
    for rows in all_rows:
        yield "BLEU-4", rows, of_bleu(rows=rows, simulations=simulations, seed=rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--rows", type=int, nargs="+", default=[30, 100, 500])
    arguments = parser.parse_args()
    print(f"{'scores':24}{'rows':>6}{'alarms':>10}{'all ties':>10}{'covered':>10}")
    for name, rows, one in rates(arguments.rows, arguments.simulations):
        print(
            f"{name:24}{rows:6d}{one.alarms:10.2%}{one.all_ties:10.2%}{one.covered:10.2%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
