"""Sums by name over a table that is read in batches, and how many different things it names."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Words = NDArray[np.uint64]

Name = tuple[Any, ...]

OTHERS = "(others)"
MOST_NAMES = 1 << 13
"""Names that a :class:`KeyedSums` keeps apart, before it puts others together."""

_GROUP_BITS = 14
_WORD_BITS = np.uint64(64 - _GROUP_BITS)


def distinct_rows(*columns: Any) -> tuple[list[Name], Places]:
    """The different rows of some columns, as tuples, and which of them each row is."""
    whole: Places = np.zeros(len(columns[0]), np.int64)
    values = []
    for column in columns:
        encoded = column.dictionary_encode()
        whole = whole * max(len(encoded.dictionary), 1)
        whole += encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        values.append(encoded.dictionary.to_pylist())
    distinct, inverse = np.unique(whole, return_inverse=True)
    rows: list[Name] = []
    for number in distinct.tolist():
        row = []
        rest = number
        for some in reversed(values):
            rest, at = divmod(rest, len(some))
            row.append(some[at])
        rows.append(tuple(reversed(row)))
    return rows, inverse.astype(np.int64)


class KeyedSums:
    """Adds numbers up by name, in memory that does not grow with what the names are.

    A name has one part or several. Where too many have come, those that come later count as others
    with the same first part, and at last as others.

    Args:
        width: numbers of each name.
        most: names that are kept apart.

    """

    def __init__(self, width: int, most: int = MOST_NAMES) -> None:
        self._places: dict[Name, int] = {}
        self._sums = np.zeros((0, width), np.float64)
        self._most = most

    def add(
        self, names: Sequence[Name], which: Places, numbers: Sequence[NDArray[np.number]]
    ) -> Places:
        """Add a batch.

        Args:
            names: the batch's own.
            which: int64 array of shape (rows,): the name of each row, by its place in ``names``.
            numbers: of each row, as many arrays of shape (rows,) as ``width`` says.

        Returns:
            The place of each row's name among all.

        """
        places = np.array([self._place(name) for name in names], np.int64)
        missing = len(self._places) - len(self._sums)
        if missing:
            self._sums = np.vstack([self._sums, np.zeros((missing, self._sums.shape[1]))])
        rows = places[which] if len(names) else np.zeros(0, np.int64)
        for column, values in enumerate(numbers):
            self._sums[:, column] += np.bincount(rows, values, len(self._sums))
        return rows

    def items(self) -> list[tuple[Name, NDArray[np.float64]]]:
        """Names with their sums, in the order in which they came."""
        return [(name, self._sums[place]) for name, place in self._places.items()]

    def _place(self, name: Name) -> int:
        coarser = (name[0], *(OTHERS for _ in name[1:]))
        for one, most in ((name, self._most), (coarser, 2 * self._most - 1)):
            if one in self._places or len(self._places) < most:
                return self._places.setdefault(one, len(self._places))
        return self._places.setdefault((OTHERS,) * len(name), len(self._places))


class DistinctCounts:
    """Counts different things by group, from hashes: eight bytes each.

    Of a hash 50 bits count: among ten million things of one group two are likely to be taken for
    one, in one count of twenty.
    """

    def __init__(self) -> None:
        self._known: Words = np.empty(0, np.uint64)
        self._waiting: list[Words] = []
        self._count = 0

    def add(self, groups: Places, hashes: Words) -> None:
        """Add things: their groups, from 0 to 2 ** 14 - 1, and hashes of 64 bits."""
        words = (groups.astype(np.uint64) << _WORD_BITS) | (hashes >> np.uint64(_GROUP_BITS))
        words = np.unique(words)
        self._waiting.append(words)
        self._count += len(words)
        if self._count > len(self._known) + (1 << 20):
            self._merge()

    def counts(self, groups: int) -> list[int]:
        """How many there are in each of the first groups."""
        self._merge()
        found = np.bincount((self._known >> _WORD_BITS).astype(np.int64), minlength=groups)
        return [int(count) for count in found[:groups]]

    def _merge(self) -> None:
        self._known = np.unique(np.concatenate([self._known, *self._waiting]))
        self._waiting, self._count = [], 0


class Lengths:
    """How often each whole number occurs: exact, for numbers that are small."""

    def __init__(self) -> None:
        self._counts: Places = np.zeros(1, np.int64)

    def add(self, values: NDArray[np.integer]) -> None:
        """Count some more."""
        found = np.bincount(values, minlength=len(self._counts)).astype(np.int64)
        found[: len(self._counts)] += self._counts
        self._counts = found

    @property
    def counts(self) -> Places:
        """int64 array: how often 0, 1, 2 and so on occur, up to the largest that does."""
        return np.trim_zeros(self._counts, "b")

    def quantile(self, share: float) -> int:
        """The smallest number that at least this share of all do not exceed; 0 where none are."""
        total = int(self._counts.sum())
        if not total:
            return 0
        return int(np.searchsorted(np.cumsum(self._counts), max(np.ceil(share * total), 1)))
