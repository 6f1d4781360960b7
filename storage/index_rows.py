"""What the rows of an index stand for: the assets' ids, uris and texts, read where they lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from storage.index.opened import OpenIndex
from storage.index_store import ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedAsset:
    """An asset of an index.

    Attributes:
        modality: what its vector is of: image, text or both.

    """

    asset_id: str
    uri: str
    text: str
    modality: Literal["image", "text", "both"]


class IndexRows:
    """The assets of an open index, memory-mapped.

    Args:
        folder: where the index's files are on this machine.

    """

    def __init__(self, folder: Path, index: OpenIndex) -> None:
        self._starts = index.starts
        self._tables = [
            pa.ipc.open_file(pa.memory_map(str(folder / shard.name / ROWS))).read_all()
            for shard in index.shards
        ]

    def take(self, rows: Sequence[int]) -> list[IndexedAsset]:
        """The assets of some rows of the index, in their order."""
        numbers = np.searchsorted(self._starts, rows, side="right") - 1
        found = []
        for number, row in zip(numbers.tolist(), rows, strict=True):
            table = self._tables[number].slice(row - int(self._starts[number]), 1)
            found.append(IndexedAsset(**table.to_pylist()[0]))
        return found
