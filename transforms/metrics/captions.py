"""The metrics of captions, block by block of rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.bleu import STATISTICS, bleu_of_sums, bleu_statistics
from transforms.metrics.cider import cider
from transforms.metrics.document_frequencies import DocumentFrequencies
from transforms.metrics.metric import Metric, mean_of
from transforms.metrics.ngrams import NgramCounter
from transforms.metrics.rouge import rouge_l

Floats = NDArray[np.float64]

CAPTION_METRICS = (
    mean_of("cider_d"),
    mean_of("cider"),
    Metric(
        names=tuple(f"bleu_{order}" for order in range(1, 5)),
        statistics=("rows", *STATISTICS),
        finish=lambda sums: bleu_of_sums(sums[..., 1:]),
    ),
    mean_of("rouge_l"),
)
"""What captions are scored by; METEOR, CLIPScore and SPICE are not among it."""

CAPTION_ROW_SCORES = ("cider_d", "cider", "bleu_4", "rouge_l")
"""The scores of single captions. BLEU of one caption is no part of that of all."""


class CaptionScorer:
    """Scores captions.

    Args:
        frequencies: of n-grams in the references of all rows, for CIDEr.

    """

    def __init__(self, frequencies: DocumentFrequencies) -> None:
        self._frequencies = frequencies
        self._counter = NgramCounter()

    def score(
        self, candidates: Sequence[str], references: Sequence[Sequence[str]]
    ) -> tuple[Floats, Floats]:
        """Score a block of rows.

        Args:
            candidates: a tokenized caption for each row.
            references: one or more tokenized texts for each row.

        Returns:
            :data:`CAPTION_ROW_SCORES`, shape (rows, scores), and the statistics of
            :data:`CAPTION_METRICS`, shape (rows, statistics).

        """
        block = self._counter.count(candidates, references)
        cider_d, plain_cider = cider(block, self._frequencies)
        bleu = bleu_statistics(block)
        rouge = np.array(
            [rouge_l(text, some) for text, some in zip(candidates, references, strict=True)]
        )
        one = np.ones(len(candidates))
        statistics = np.column_stack(
            [one, cider_d, one, plain_cider, one, bleu, one, rouge]
        ).astype(np.float64)
        scores = np.column_stack([cider_d, plain_cider, bleu_of_sums(bleu)[:, -1], rouge])
        return scores, statistics
