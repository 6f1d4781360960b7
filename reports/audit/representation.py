"""What pictures show that were drawn of neutral prompts: shares of labels beside a reference."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reports.audit.intervals import share_interval
from schemas.errors import CatalogError
from storage.catalog.columns import plain_text
from storage.record_files import read_records

_BUCKETS = 256
_MOST_LABELS = 100
_LEAST_EXPECTED = 5
_DRAWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelShare:
    """How many pictures have a label; ``low`` and ``high`` are the share's 95 % interval."""

    label: str
    rows: int
    share: float
    low: float
    high: float
    reference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """What was found.

    Attributes:
        labelled_by: where the labels are from.
        rows: pictures with a label; ``not_neutral``: left out, for their prompts name a term of a
            list of people; ``unlabelled``: without one.
        shares: the largest first.
        distance: half the sum of the absolute differences from the reference (total variation): the
            share of pictures that would have to show another label.
        by_chance: what it would be, about, if pictures were drawn from the reference.
        effect: Cohen's w, the root of Pearson's chi-squared a row.
        chance: how likely pictures drawn from the reference are as far from it: a p value.

    """

    labelled_by: str
    rows: int
    not_neutral: int
    unlabelled: int
    shares: tuple[LabelShare, ...]
    distance: float
    by_chance: float
    effect: float
    chance: float
    corrected: float | None = None
    found: bool = False


class LabelCounts:
    """Counts labels, and how much those of one request hang together."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._counts = np.zeros((_BUCKETS, 0))
        self.not_neutral = 0
        self.unlabelled = 0

    def add(self, labels: Sequence[str | None], hashes: NDArray[np.uint64]) -> None:
        """Add pictures.

        Args:
            labels: None or empty where a picture has none.
            hashes: uint64 array of shape (pictures,), of their requests.

        Raises:
            CatalogError: there are too many labels.

        """
        buckets = (hashes % np.uint64(_BUCKETS)).astype(np.int64)
        for label, bucket in zip(labels, buckets.tolist(), strict=True):
            if not label:
                self.unlabelled += 1
                continue
            place = self._places.setdefault(label, len(self._places))
            if place >= self._counts.shape[1]:
                if place >= _MOST_LABELS:
                    raise CatalogError(f"There are more than {_MOST_LABELS} labels. Use fewer.")
                self._counts = np.pad(self._counts, ((0, 0), (0, 1)))
            self._counts[bucket, place] += 1

    def result(self, labelled_by: str, reference: Mapping[str, float]) -> Representation | None:
        """Compare the shares with a reference; None if no picture has a label.

        Args:
            labelled_by: where the labels are from.
            reference: shares by label, of two labels at least, and of those too that no picture
                has: what is missing is seen beside the reference alone. They need not sum to 1.

        Raises:
            CatalogError: a label is not in the reference.

        """
        rows = round(self._counts.sum())
        if not rows:
            return None
        missing = [label for label in self._places if not reference.get(label)]
        if missing:
            raise CatalogError(
                f"The reference has no share above 0 for the label {missing[0]!r}. Add it."
            )
        labels = list(reference)
        counts = np.zeros((_BUCKETS, len(labels)))
        for label, place in self._places.items():
            counts[:, labels.index(label)] = self._counts[:, place]
        wanted = np.array([reference[label] for label in labels])
        wanted /= wanted.sum()
        shares = counts.sum(0) / rows
        effective = rows / _design_effect(counts, shares, wanted)
        squared = float(((shares - wanted) ** 2 / wanted).sum())
        table = [
            LabelShare(
                label=label,
                rows=round(count),
                share=share,
                low=low,
                high=high,
                reference=expected,
            )
            for label, count, share, expected in zip(
                labels, counts.sum(0).tolist(), shares.tolist(), wanted.tolist(), strict=True
            )
            for low, high in [share_interval(share * effective, effective)]
        ]
        spread = np.sqrt(2 * wanted * (1 - wanted) / (math.pi * effective))
        return Representation(
            labelled_by=labelled_by,
            rows=rows,
            not_neutral=self.not_neutral,
            unlabelled=self.unlabelled,
            shares=tuple(sorted(table, key=lambda one: (-one.rows, one.label))),
            distance=float(np.abs(shares - wanted).sum() / 2),
            by_chance=float(spread.sum() / 2),
            effect=math.sqrt(squared),
            chance=_chance(squared, wanted, effective),
        )


def _design_effect(
    counts: NDArray[np.float64], shares: NDArray[np.float64], wanted: NDArray[np.float64]
) -> float:
    """By how much the requests make chi-squared larger (Rao and Scott 1981, first order)."""
    of_bucket = counts.sum(1)
    used = int((of_bucket > 0).sum())
    if used < 2:
        return 1.0
    rows = float(counts.sum())
    freedom = used / (used - 1) * (rows - 1) / rows
    variance = ((counts - of_bucket[:, None] * shares) ** 2).sum(0) * freedom
    return max(1.0, float((variance / wanted).sum()) / rows / (len(wanted) - 1))


def _chance(squared: float, wanted: NDArray[np.float64], rows: float) -> float:
    """The p value of Pearson's chi-squared; by drawing where a label is too rarely expected."""
    if rows * wanted.min() >= _LEAST_EXPECTED:
        return float(stats.chi2.sf(squared * rows, len(wanted) - 1))
    whole = max(round(rows), 1)
    drawn = np.random.default_rng(0).multinomial(whole, wanted, _DRAWS) / whole
    others = ((drawn - wanted) ** 2 / wanted).sum(1)
    return float((1 + (others >= squared - 1e-12).sum()) / (1 + _DRAWS))


def read_reference(uri: str) -> dict[str, float]:
    """Read a reference distribution: columns ``label`` and ``share``, which need not sum to 1.

    Raises:
        CatalogError: it cannot be read, a share is no number above 0, or it has one label only.

    """
    found: dict[str, float] = {}
    for record in read_records(uri, "a reference distribution", needed=("label", "share")):
        label = plain_text(record["label"])
        try:
            share = float(record["share"])
        except (TypeError, ValueError):
            share = math.nan
        if not label or label in found or not 0 < share < math.inf:
            raise CatalogError(
                f"{uri} must have one row a label with a share above 0; not so: {label!r}."
            )
        found[label] = share
    if len(found) < 2:
        held = f"only the label {next(iter(found))!r}" if found else "no labels"
        raise CatalogError(
            f"{uri} holds {held}. A reference has two at least: all labels that a picture could "
            "have."
        )
    return found
