"""What the rows of an index stand for: ids, uris, texts and licences, read where they lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from storage.index.ids import IdFile, Rows
from storage.index.opened import OpenIndex
from storage.index.shard import OFFSETS, TEXT
from storage.index.version import IndexVersion
from storage.index_shards import ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedAsset:
    """An asset of an index, as it was when it was embedded.

    Attributes:
        license: empty where none is known; ``source`` too.
        modality: what its vector is of: image, text or both.

    """

    asset_id: str
    uri: str
    text: str
    license: str
    source: str
    modality: Literal["image", "text", "both"]


class IndexRows:
    """The assets of an open index, memory-mapped.

    Args:
        folder: where the index's files are on this machine.

    """

    def __init__(self, folder: Path, index: OpenIndex) -> None:
        self._starts = index.starts
        self._tables = [_table(folder, shard.name) for shard in index.shards]

    def take(self, rows: Sequence[int] | Rows) -> list[IndexedAsset]:
        """The assets of some rows of the index, in their order."""
        wanted = np.asarray(rows, np.int64)
        numbers = np.searchsorted(self._starts, wanted, side="right") - 1
        found: dict[int, IndexedAsset] = {}
        for number in np.unique(numbers).tolist():
            at = np.flatnonzero(numbers == number)
            within = pa.array(wanted[at] - self._starts[number])
            assets = self._tables[number].take(within).to_pylist()
            found |= zip(at.tolist(), (IndexedAsset(**asset) for asset in assets), strict=True)
        return [found[position] for position in range(len(wanted))]


def find_assets(folder: Path, version: IndexVersion, ids: Sequence[str]) -> dict[str, IndexedAsset]:
    """Find assets by their ids; FAISS's files are left alone.

    All ids of the index are looked at once. Of an id that several shards have, the newest counts.

    Args:
        folder: where the index's files are on this machine: of each shard those of ids and rows.

    """
    found: dict[str, IndexedAsset] = {}
    for shard in version.shards:
        table = _table(folder, shard)
        known = IdFile.map(folder / shard / OFFSETS, folder / shard / TEXT, len(table))
        rows = table.take(known.find(ids))
        found |= {asset["asset_id"]: IndexedAsset(**asset) for asset in rows.to_pylist()}
    return found


def _table(folder: Path, shard: str) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(folder / shard / ROWS))).read_all()
