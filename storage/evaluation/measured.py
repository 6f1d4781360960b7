"""Whether what is scored of a row beside its text can be scored."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.evaluation.references import Kind
from storage.evaluation.results import Result
from storage.evaluation.settings import EvaluationSettings

MOST_CODES = 1 << 20
"""Codes are numbered below this: no codebook has as many."""

_LARGEST_PSNR = 1000.0
# Rounded, an SSIM of equal pictures may be just above 1.
_LARGEST_SSIM = 1.001


class MeasuredCheck:
    """Says why rows cannot be scored.

    Vectors must be as long as those of the reference set; without one, as the first row's. Either
    all rows have vectors, or all have pictures that are to be embedded.
    """

    def __init__(self, settings: EvaluationSettings) -> None:
        reference = settings.reference_set
        self._dimension = reference.dimension if reference is not None else 0
        self._pictures = None if settings.encoded else False
        self._revision = settings.results.revision if reference is None else reference.runs.revision
        checks: Mapping[Kind, Callable[[Result], str]] = {
            "neighbors": _neighbors,
            "generations": self._vector,
            "reconstructions": _likeness,
            "tokens": _codes,
        }
        self._check = checks.get(settings.kind)

    def problem(self, row: Result) -> str:
        """What keeps a row from being scored, as the end of a sentence; empty for nothing."""
        return self._check(row) if self._check is not None else ""

    def _vector(self, row: Result) -> str:
        vector = row.measured.get("vector")
        self._pictures = vector is None if self._pictures is None else self._pictures
        if self._pictures:
            return "" if vector is None and row.uri else "has no picture, as the first row has."
        if vector is None:
            return "has no vector."
        if row.question_id in {"text", "both"}:
            return f"has a vector of {row.question_id}, not of its picture: embed it --of image."
        return _odd(vector) or self._unlike(row, vector)

    def _unlike(self, row: Result, vector: NDArray[Any]) -> str:
        self._dimension = self._dimension or len(vector)
        if len(vector) != self._dimension:
            return (
                f"has a vector of {len(vector)} numbers, where those that it is compared with "
                f"have {self._dimension}."
            )
        if self._revision and row.revision and row.revision != self._revision:
            return (
                "has a vector of another model than the reference set: of "
                f"{row.model} ({row.revision}). Embed it anew."
            )
        return ""


def _odd(vector: Any) -> str:
    if not isinstance(vector, np.ndarray):
        return "has a vector that is no list of numbers."
    if not np.isfinite(vector).all():
        return "has a vector with numbers that are not finite."
    if not vector.any():
        return "has a vector of zeros, which says nothing."
    return ""


def _neighbors(row: Result) -> str:
    found = row.measured.get("neighbor_ids")
    return "" if isinstance(found, list) else "has no list of neighbours."


def _likeness(row: Result) -> str:
    psnr, ssim = row.measured.get("psnr"), row.measured.get("ssim")
    if psnr is None and ssim is None:
        return "has neither PSNR nor SSIM: its source picture was not at hand."
    known = [value for value in (psnr, ssim) if value is not None]
    if any(not isinstance(value, (int, float)) or math.isnan(value) for value in known):
        return "has a PSNR or SSIM that is no number."
    # Infinite where nothing differs; no two pictures are so far apart, or so near.
    if psnr is not None and _LARGEST_PSNR < abs(psnr) < math.inf:
        return f"has a PSNR of {psnr:g}, which is no number of decibels."
    if ssim is not None and abs(ssim) > _LARGEST_SSIM:
        return f"has an SSIM of {ssim:g}, which is at most 1."
    return ""


def _codes(row: Result) -> str:
    codes = row.measured.get("codes")
    if codes is None or not len(codes):
        return "has no codes."
    if not isinstance(codes, np.ndarray) or not np.issubdtype(codes.dtype, np.integer):
        return "has codes that are no whole numbers."
    if codes.min() < 0 or codes.max() >= MOST_CODES:
        return f"has a code below 0, or of {MOST_CODES} or more."
    return ""
