"""How many documents show what others do, or what a test set does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.document_tally import BatchSegments
from reports.formatting import amount
from reports.keyed_sums import DistinctCounts
from storage.digests import DigestFile
from storage.duplicates.alike import read_alike
from storage.id_list import read_id_digests
from storage.keys import asset_words
from storage.uris import absolute_uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What is of some assets.

    Attributes:
        documents: that show any of them.
        retrieved_only: of these, those that show them in retrieved documents alone.
        tokens: of these assets.
        assets: different ones.

    """

    documents: int
    retrieved_only: int
    tokens: int
    assets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What documents share with others and with a test set.

    Attributes:
        duplicates: output of the search for duplicates; empty where none was named.
        test_ids: file of the ids of a test set; empty likewise.
        left_out: of assets that the search left out, for another one is like them.
        test: of assets of the test set, and of those that are like one.

    """

    duplicates: str
    test_ids: str
    left_out: Shared | None
    test: Shared | None

    def warnings(self) -> Iterator[str]:
        """What is wrong, in sentences."""
        if self.test and self.test.documents:
            like = " or what is like it" if self.duplicates else ""
            yield (
                f"{amount(self.test.documents, 'documents')} show assets of the test set{like}. "
                f"Leave them out: calumma assemble with --drop, into another folder."
            )


class OverlapTally:
    """Counts what documents share with others.

    Args:
        duplicates: an output of ``calumma duplicates``.
        test_ids: a file of ids.

    Raises:
        CalummaError: one of them is not there, or cannot be read.

    """

    def __init__(self, duplicates: str | None, test_ids: str | None) -> None:
        self._duplicates = absolute_uri(duplicates) if duplicates else ""
        self._test_ids = absolute_uri(test_ids) if test_ids else ""
        self._left_out = self._test = None
        alike = read_alike(self._duplicates) if self._duplicates else None
        if alike is not None:
            self._left_out = _SharedTally(alike.left_out())
        if self._test_ids:
            ids = read_id_digests(self._test_ids)
            self._test = _SharedTally(alike.like(ids) if alike else ids)

    def add(self, segments: BatchSegments) -> None:
        """Count a batch's documents."""
        for one in (self._left_out, self._test):
            if one is not None:
                one.add(segments)

    def counted(self) -> Overlap:
        """What was counted."""
        return Overlap(
            duplicates=self._duplicates,
            test_ids=self._test_ids,
            left_out=self._left_out.counted() if self._left_out else None,
            test=self._test.counted() if self._test else None,
        )


class _SharedTally:
    def __init__(self, ids: DigestFile) -> None:
        self._ids = ids
        self._assets = DistinctCounts()
        self._documents = self._retrieved_only = self._tokens = 0

    def add(self, segments: BatchSegments) -> None:
        ids: Any = segments.of["asset_id"].dictionary_encode()
        words = asset_words(ids.dictionary.to_pylist())
        # The id of what is no asset's is empty, and a list may hold anything.
        listed = self._ids.contains(words[:, 0], words[:, 1])
        which = ids.indices.to_numpy()
        hit = listed[which] & segments.named
        retrieved = segments.of["retrieved"].to_numpy(zero_copy_only=False)
        shown = np.unique(segments.documents[hit])
        own = np.unique(segments.documents[hit & ~retrieved])
        self._documents += len(shown)
        self._retrieved_only += len(shown) - len(own)
        self._tokens += int(segments.lengths[hit].sum())
        hashes = words[:, 0][which[hit]]
        self._assets.add(np.zeros(len(hashes), np.int64), hashes)

    def counted(self) -> Shared:
        return Shared(
            documents=self._documents,
            retrieved_only=self._retrieved_only,
            tokens=self._tokens,
            assets=self._assets.counts(1)[0],
        )
