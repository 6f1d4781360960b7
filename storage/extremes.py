"""The rows with the lowest or the highest values, in one pass and bounded memory."""

import heapq
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DIGITS = np.zeros(256, np.uint64)
_DIGITS[[ord(digit) for digit in "0123456789abcdef"]] = np.arange(16)


def key_numbers(keys: list[str]) -> NDArray[np.uint64]:
    """The last 16 hexadecimal digits of row keys as numbers, shape (keys,).

    Args:
        keys: of 32 digits each.

    """
    digits = np.array(keys, "S32").view(np.uint8).reshape(len(keys), 32)[:, 16:]
    numbers = np.zeros(len(keys), np.uint64)
    for place in range(16):
        numbers = (numbers << np.uint64(4)) | _DIGITS[digits[:, place]]
    return numbers


class Extremes:
    """Keeps the rows of the lowest order, and of equal ones those with the lowest keys.

    Keys are hashes: of rows with equal values, the kept ones are a uniform sample.

    Args:
        limit: rows kept.

    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[tuple[float, int, int, Any]] = []
        self._offered = 0

    def candidates(self, orders: NDArray[np.float64], keys: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Tell which rows of a block would be kept if they were offered now: their positions.

        Args:
            orders: shape (rows,); a row of NaN is never kept.
            keys: of :func:`key_numbers`, shape (rows,).

        """
        allowed = np.isfinite(orders)
        if len(self._heap) == self._limit:
            last, last_key, *_ = self._heap[0]
            allowed &= (orders < -last) | ((orders == -last) & (keys < np.uint64(-last_key)))
        found = np.flatnonzero(allowed)
        if len(found) > self._limit:
            found = found[np.lexsort((keys[found], orders[found]))[: self._limit]]
        return found

    def offer(self, order: float, key: int, row: Any) -> None:
        """Keep a row if it is among the lowest so far."""
        self._offered += 1
        item = (-order, -key, -self._offered, row)
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)

    def __iter__(self) -> Iterator[Any]:
        """The rows kept, the lowest first."""
        return (row for *_, row in sorted(self._heap, key=lambda item: item[:3], reverse=True))
