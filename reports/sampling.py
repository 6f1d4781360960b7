"""A uniform sample of a table's rows, by key, in one pass and bounded memory."""

import heapq
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_PREFERRED_BELOW = 1 << 128


class LowestKeys:
    """Keeps the rows with the lowest keys, preferred keys before all others.

    Keys are hashes, so the lowest are a uniform sample, and the same one each time. They are
    compared from their 17th digit on, where two questions about one picture or two versions of one
    row differ, and as the thumbnails' sample does.

    Args:
        limit: rows kept.
        preferred: keys of 32 hexadecimal digits that come first.

    """

    def __init__(self, limit: int, preferred: frozenset[str] = frozenset()) -> None:
        self._limit = limit
        self._preferred = preferred
        self._preferred_array = pa.array(sorted(preferred), pa.string())
        self._heap: list[tuple[int, int, dict[str, Any]]] = []
        self._offered = 0

    def candidates(self, keys: "pa.Array[Any]") -> list[int]:
        """Tell which keys could still enter: their positions."""
        bound = self._bound()
        if bound >= 2 * _PREFERRED_BELOW:
            return list(range(len(keys)))
        mask = pc.is_in(keys, value_set=self._preferred_array)
        if bound >= _PREFERRED_BELOW:
            highest = pa.scalar(format((bound - _PREFERRED_BELOW) >> 64, "016x"))
            mask = pc.or_(mask, pc.less_equal(pc.utf8_slice_codeunits(keys, 16, 32), highest))
        return [int(index) for index in np.flatnonzero(mask.to_numpy(zero_copy_only=False))]

    def accepts(self, key: str) -> bool:
        """Tell whether a row with this key would be kept if it were offered now."""
        return self._order(key) < self._bound()

    def offer(self, key: str, row: dict[str, Any]) -> None:
        """Keep a row if its key is among the lowest so far."""
        order = self._order(key)
        if order >= self._bound():
            return
        self._offered += 1
        item = (-order, self._offered, row)
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, item)
        else:
            heapq.heapreplace(self._heap, item)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows kept, preferred and low keys first."""
        return (row for _, _, row in sorted(self._heap, reverse=True))

    def __len__(self) -> int:
        return len(self._heap)

    def _order(self, key: str) -> int:
        order = int(key[16:] + key[:16], 16)
        return order if key in self._preferred else order + _PREFERRED_BELOW

    def _bound(self) -> int:
        return 2 * _PREFERRED_BELOW if len(self._heap) < self._limit else -self._heap[0][0]
