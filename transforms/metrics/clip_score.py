"""CLIPScore and RefCLIPScore (Hessel et al. 2021, "CLIPScore: a reference-free evaluation metric
for image captioning").
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.metric import mean_of

WEIGHT = 2.5
"""What cosines are multiplied by, so that scores go from 0 to about 1."""

CLIP_METRICS = (mean_of("clip_score"),)
"""What a text is scored by with its picture."""

REF_CLIP_METRICS = (*CLIP_METRICS, mean_of("ref_clip_score"))
"""What a caption is scored by with its picture and its references."""

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]


def clip_scores(pictures: Vectors, texts: Vectors) -> Floats:
    """Score texts with their pictures: 2.5 max(cos, 0).

    Args:
        pictures: unit vectors, float32 of shape (rows, dimension); NaN where there is none.
        texts: likewise; zeros of an empty text, which scores 0.

    Returns:
        Shape (rows,); NaN where one of the two is not known.

    """
    cosines = np.einsum("rd,rd->r", pictures.astype(np.float64), texts.astype(np.float64))
    scores: Floats = WEIGHT * np.maximum(cosines, 0)
    return scores


def ref_clip_scores(scores: Floats, texts: Vectors, references: Sequence[Vectors]) -> Floats:
    """The harmonic mean of CLIPScore and the largest cosine of a caption and its references.

    Args:
        scores: from :func:`clip_scores`.
        texts: unit vectors, float32 of shape (rows, dimension).
        references: of each row, shape (references, dimension); NaN where a vector is not known,
            and such a one is left out.

    Returns:
        Shape (rows,); NaN where the score or all references are not known.

    """
    nearest = np.array(
        [
            _largest(some.astype(np.float64) @ text)
            for text, some in zip(texts.astype(np.float64), references, strict=True)
        ]
    )
    nearest = np.maximum(nearest, 0)
    together = scores + nearest
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = np.where(together == 0, 0.0, 2 * scores * nearest / together)
    return mean


def mean_statistics(scores: Floats) -> Floats:
    """The statistics of means over the rows that have a score, shape (rows, 2 * scores).

    Args:
        scores: shape (rows, scores), NaN where a row has none.

    """
    known = ~np.isnan(scores)
    columns = [
        part
        for there, column in zip(known.T, scores.T, strict=True)
        for part in (there.astype(np.float64), np.where(there, column, 0.0))
    ]
    return np.column_stack(columns)


def _largest(cosines: Floats) -> float:
    known = cosines[~np.isnan(cosines)]
    return float(known.max()) if len(known) else math.nan
