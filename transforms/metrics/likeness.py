"""How like reconstructions are to their sources, row by row as they were measured."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.metric import mean_of, share_of

LIKENESS_METRICS = (mean_of("psnr"), mean_of("ssim"), share_of("exact"))
"""What reconstructions are scored by."""

LIKENESS_ROW_SCORES = ("psnr", "ssim")
"""The scores of single reconstructions."""

Floats = NDArray[np.float64]


def score_likeness(
    psnr: Sequence[float | None], ssim: Sequence[float | None]
) -> tuple[Floats, Floats]:
    """Score a block of reconstructions.

    The mean of PSNR is over those that differ from their source, for of the others it is infinite;
    how many equal theirs is a score of its own.

    Args:
        psnr: in decibels, infinite where nothing differs; None where it was not measured.
        ssim: from -1 to 1; likewise.

    Returns:
        :data:`LIKENESS_ROW_SCORES`, shape (rows, scores), NaN where there is none, and the
        statistics of :data:`LIKENESS_METRICS`, shape (rows, statistics).

    """
    scores = np.array([psnr, ssim], np.float64).T.reshape(-1, 2)
    known = ~np.isnan(scores)
    finite = np.isfinite(scores)
    values = np.where(finite, scores, 0.0)
    statistics = np.column_stack(
        [
            finite[:, 0],
            values[:, 0],
            finite[:, 1],
            values[:, 1],
            known[:, 0],
            known[:, 0] & ~finite[:, 0],
        ]
    )
    return scores, statistics.astype(np.float64)
