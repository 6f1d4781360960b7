"""CIDEr-D of 40,000 captions with five references each, against pycocoevalcap in the same run.

``python -m bench.cider_speed``: both score the same tokenized texts in one process on one core, and
the values are compared. Prints seconds of processor time, how often ours fits into theirs, and the
largest difference; then what tokenizing takes, what 1,000 bootstrap replicates of all metrics of
captions and of answers take a row, and the bytes for each different n-gram.

``--linear``: without pycocoevalcap, the time a row for more and more rows, up to ``--rows``, and
peak memory. Texts are made block by block, and anew for the second pass, which is not timed.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pycocoevalcap.cider.cider_scorer import CiderScorer

from bench.measuring import PeakMemory
from transforms.metrics.answers import ANSWER_METRICS
from transforms.metrics.captions import CAPTION_METRICS
from transforms.metrics.cider import cider
from transforms.metrics.combine import AddFrequencies
from transforms.metrics.document_frequencies import BYTES_PER_NGRAM, DocumentFrequencies
from transforms.metrics.metric import Metric
from transforms.metrics.ngrams import NgramCounter
from transforms.metrics.ptb_tokenizer import tokenize
from transforms.metrics.sums import Sums
from transforms.plan_evaluation import ROWS_AT_ONCE

Texts = tuple[list[str], list[list[str]]]
_Result = TypeVar("_Result")
_WORDS = 20_000
# Rows whose texts are in memory at once.
_BLOCK = 40_000


def make_captions(rows: int, seed: int = 0) -> Texts:
    """Captions of some ten words, few of them frequent and most rare, half shared in a row.

    The words are the same whatever the seed.
    """
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    spell = np.random.default_rng(0)
    words = ["".join(letters[spell.integers(0, 26, rank % 6 + 2)]) for rank in range(_WORDS)]
    draw = np.random.default_rng(seed)
    weights = np.cumsum(1 / np.arange(1, _WORDS + 1))
    lengths = draw.integers(8, 16, (rows, 6))
    candidates, references = [], []
    for row in range(rows):
        theme = np.sort(np.searchsorted(weights, draw.random(16) * weights[-1]))
        texts = []
        for length in lengths[row].tolist():
            picked = np.searchsorted(weights, draw.random(length) * weights[-1])
            # A run of the row's words, so that longer n-grams are shared too.
            picked[: length // 2] = theme[length % 4 :][: length // 2]
            texts.append(" ".join([words[place] for place in picked.tolist()]))
        candidates.append(texts[0])
        references.append(texts[1:])
    return candidates, references


class Ours:
    """Both passes, block by block, as the job makes them."""

    def __init__(self) -> None:
        self._counter = NgramCounter()
        self._add = AddFrequencies()  # type: ignore[no-untyped-call]
        self._gathered = self._add.create_accumulator()

    def gather(self, references: Sequence[list[str]]) -> None:
        """The first pass over some rows."""
        for start in range(0, len(references), ROWS_AT_ONCE):
            some = list(references[start : start + ROWS_AT_ONCE])
            counted = self._counter.count([""] * len(some), some)
            self._gathered = self._add.add_input(self._gathered, DocumentFrequencies.of(counted))

    def frequencies(self) -> DocumentFrequencies:
        """What the first pass gives."""
        return self._add.extract_output(self._gathered)

    def score(self, texts: Texts, frequencies: DocumentFrequencies) -> NDArray[np.float64]:
        """The second pass over some rows."""
        candidates, references = texts
        blocks = [
            slice(start, start + ROWS_AT_ONCE) for start in range(0, len(candidates), ROWS_AT_ONCE)
        ]
        return np.concatenate(
            [
                cider(self._counter.count(candidates[some], references[some]), frequencies)[0]
                for some in blocks
            ]
        )


def ours(texts: Texts) -> tuple[NDArray[np.float64], DocumentFrequencies]:
    """Scores, and the frequencies that they were made with."""
    passes = Ours()
    passes.gather(texts[1])
    frequencies = passes.frequencies()
    return passes.score(texts, frequencies), frequencies


def theirs(texts: Texts) -> NDArray[np.float64]:
    """pycocoevalcap's, as its ``Cider`` calls it."""
    scorer = CiderScorer(n=4, sigma=6.0)
    for candidate, references in zip(*texts, strict=True):
        scorer += (candidate, references)
    scores: NDArray[np.float64] = scorer.compute_score()[1]
    return scores


def timed(work: Callable[[], _Result]) -> tuple[float, _Result]:
    """Seconds of processor time, and the result."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def bootstrap_seconds(metrics: Sequence[Metric], rows: int) -> float:
    """What adding up rows with their replicates takes."""
    draw = np.random.default_rng(1)
    count = sum(len(metric.statistics) for metric in metrics)
    statistics = draw.random((rows, count))
    keys = draw.integers(0, 1 << 64, rows, dtype=np.uint64)

    def add() -> None:
        for start in range(0, rows, ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            Sums.of(statistics[some], keys[some])

    return timed(add)[0]


def report_growth(rows: int) -> None:
    """Print what so many rows take, a row, and how many n-grams they have."""
    blocks = [(min(_BLOCK, rows - start), start) for start in range(0, rows, _BLOCK)]
    passes, seconds = Ours(), 0.0
    with PeakMemory() as peak:
        for size, seed in blocks:
            texts = make_captions(size, seed)
            seconds += timed(partial(passes.gather, texts[1]))[0]
        merging, frequencies = timed(passes.frequencies)
        seconds += merging
        for size, seed in blocks:
            texts = make_captions(size, seed)
            seconds += timed(partial(passes.score, texts, frequencies))[0]
    size = len(frequencies.hashes)
    print(
        f"{rows:>9,} rows: {seconds / rows * 1e6:6.1f} us a row, {size:,} n-grams, "
        f"{size * BYTES_PER_NGRAM / 1e6:,.0f} MB, peak memory {peak.mebibytes:,.0f} MiB",
        flush=True,
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--linear", action="store_true")
    options = parser.parse_args()
    if options.linear:
        rows = 40_000
        while rows <= options.rows:
            report_growth(rows)
            rows *= 10
        return
    texts = make_captions(options.rows)
    seconds, (scores, frequencies) = min(
        (timed(lambda: ours(texts)) for _ in range(3)), key=lambda run: run[0]
    )
    others, expected = timed(lambda: theirs(texts))
    rows = options.rows
    print(f"CIDEr-D, {rows:,} x 5: {seconds:.2f} s ({seconds / rows * 1e6:.0f} us a row)")
    print(f"pycocoevalcap:      {others:.2f} s, {others / seconds:.1f} times as long")
    print(f"largest difference: {np.abs(scores - expected).max():.1e}")
    print(f"mean:               {scores.mean():.6f}")
    flat = [text for some in texts[1] for text in some]
    tokenizing, _ = timed(lambda: [tokenize(text) for text in flat])
    print(f"tokenizing:         {tokenizing / len(flat) * 1e6:.1f} us a text")
    for name, metrics in (("captions", CAPTION_METRICS), ("answers", ANSWER_METRICS)):
        added = bootstrap_seconds(metrics, rows)
        print(
            f"1,000 replicates of all metrics of {name}: {added / rows * 1e6:.1f} us a row, "
            f"{added / seconds:.2f} of CIDEr-D"
        )
    print(f"n-grams:            {len(frequencies.hashes):,}, {BYTES_PER_NGRAM} bytes each")


if __name__ == "__main__":
    main()
