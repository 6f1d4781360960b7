"""Connected components of a graph whose edges come bit by bit: disjoint sets in an array."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]


class Components:
    """Which of ``count`` rows hang together. Four bytes a row; the edges are not kept.

    A root is the smallest row of its component, so the result does not depend on the edges' order.

    Attributes:
        parent: int32 array of shape (rows,): a row of the same component, the row itself of a root.

    """

    def __init__(self, count: int) -> None:
        self.parent: Rows = np.arange(count, dtype=np.int32)

    def __len__(self) -> int:
        return len(self.parent)

    def roots(self, rows: Rows) -> Rows:
        """The roots of some rows; what lies between is shortened."""
        found: Rows = self.parent[rows]
        while True:
            above = self.parent[found]
            if np.array_equal(above, found):
                self.parent[rows] = found
                return found
            found = above

    def join(self, first: Rows, second: Rows) -> None:
        """Add the edges between ``first[i]`` and ``second[i]``."""
        one, other = self.roots(first), self.roots(second)
        while True:
            apart = one != other
            if not apart.any():
                return
            one, other = one[apart], other[apart]
            low, high = np.minimum(one, other), np.maximum(one, other)
            np.minimum.at(self.parent, high, low)
            self._flatten(np.unique(high))
            one, other = self.parent[low], self.parent[high]

    def all_roots(self) -> Rows:
        """The root of every row."""
        return self.roots(np.arange(len(self.parent), dtype=np.int32))

    def _flatten(self, rows: Rows) -> None:
        """Let roots that were hung below others point at the roots of today.

        Each step halves every chain, for all of a chain's rows are among these.
        """
        while True:
            above = self.parent[rows]
            higher = self.parent[above]
            if np.array_equal(above, higher):
                return
            self.parent[rows] = higher
