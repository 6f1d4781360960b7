"""The metrics of answers, row by row."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.metric import Metric, quotient, share_of
from transforms.metrics.vqa import exact_match, is_unanswerable, says_unanswerable, vqa_accuracy

Floats = NDArray[np.float64]


def _unanswerable(sums: Floats) -> Floats:
    """Precision, recall and F1 of rows, said, meant, and both said and meant."""
    said, meant, both = sums[..., 1], sums[..., 2], sums[..., 3]
    # Where no question is unanswerable there is nothing to find, whatever was said.
    found = np.where(meant > 0, both, math.nan)
    return np.stack(
        [quotient(found, said), quotient(found, meant), quotient(2 * found, said + meant)], axis=-1
    )


ANSWER_METRICS = (
    # Of ten people three or more, or none, agree with most answers.
    share_of("vqa_accuracy"),
    share_of("exact_match"),
    Metric(
        names=("unanswerable_precision", "unanswerable_recall", "unanswerable_f1"),
        statistics=("rows", "said", "meant", "both"),
        finish=_unanswerable,
        shares={"unanswerable_precision": "said", "unanswerable_recall": "meant"},
    ),
)
"""What answers are scored by."""

ANSWER_ROW_SCORES = ("vqa_accuracy", "exact_match")
"""The scores of single answers."""


def score_answers(answers: Sequence[str], given: Sequence[Sequence[str]]) -> tuple[Floats, Floats]:
    """Score a block of rows.

    VQA accuracy is of rows to which two people or more gave an answer: one has no others.

    Args:
        answers: of each row.
        given: one or more answers for each row that count as right.

    Returns:
        :data:`ANSWER_ROW_SCORES`, shape (rows, scores), NaN where a row has none, and the
        statistics of :data:`ANSWER_METRICS`, shape (rows, statistics).

    """
    scores, statistics = [], []
    for answer, some in zip(answers, given, strict=True):
        several = len(some) > 1
        accuracy = vqa_accuracy(answer, some) if several else 0.0
        exact = exact_match(answer, some)
        said, meant = says_unanswerable(answer), is_unanswerable(some)
        scores.append((accuracy if several else math.nan, exact))
        statistics.append((several, accuracy, 1, exact, 1, said, meant, said and meant))
    shape = sum(len(metric.statistics) for metric in ANSWER_METRICS)
    return (
        np.array(scores, np.float64).reshape(-1, len(ANSWER_ROW_SCORES)),
        np.array(statistics, np.float64).reshape(-1, shape),
    )
