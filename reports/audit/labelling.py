"""Labels of pictures, from a file of the user's or by a dual encoder, as they are counted."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reports.audit.representation import LabelCounts, Representation
from reports.audit.rows import column_of
from reports.audit.zero_shot import ZeroShotLabels
from schemas.errors import CatalogError
from storage.values_by_id import ValuesById


class Labelling:
    """Labels the pictures of neutral prompts, and counts the labels.

    Args:
        source: where labels come from.

    """

    def __init__(self, source: ValuesById | ZeroShotLabels) -> None:
        self._source = source
        self._counts = LabelCounts()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of results that are needed besides ids."""
        return ("image",) if isinstance(self._source, ZeroShotLabels) else ()

    def add(
        self,
        batch: pa.RecordBatch,
        ids: Sequence[str],
        hashes: NDArray[np.uint64],
        neutral: Sequence[bool],
    ) -> None:
        """Label some rows.

        Args:
            hashes: uint64 array of shape (rows,), of the rows' requests.
            neutral: whether a row counts.

        """
        self._counts.not_neutral += len(neutral) - sum(neutral)
        labels: list[str | None]
        if isinstance(self._source, ZeroShotLabels):
            pictures = column_of(batch, "image") or [None] * len(ids)
            # What does not count need not be looked at.
            labels = self._source.label(
                [one for one, use in zip(pictures, neutral, strict=True) if use]
            )
        else:
            found = self._source.find(ids, column_of(batch, "sample_number"))["label"]
            labels = [one for one, use in zip(found, neutral, strict=True) if use]
        self._counts.add(labels, hashes[np.array(neutral, bool)])

    def result(self, reference: Mapping[str, float]) -> Representation:
        """Compare the labels with a reference: shares of two labels at least.

        Raises:
            CatalogError: no picture has a label, or one has a label that the reference lacks.

        """
        found = self._counts.result(self._source.told, reference)
        if found is None:
            raise CatalogError(
                f"No picture of a neutral prompt has a label by {self._source.told}: "
                f"{self._counts.unlabelled} have none, and the prompts of "
                f"{self._counts.not_neutral} name people's traits."
            )
        return found
