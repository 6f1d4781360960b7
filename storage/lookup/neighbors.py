"""The neighbours of assets by asset id."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.manifest import RunManifest
from schemas.neighbors import Neighbors
from storage.committed import CommittedRuns, find_committed
from storage.lookup.build import LookupTable
from storage.lookup.opened import open_lookup

_TABLE_NAME = "neighbors"
_SEARCHED_WITH = ("image", "text", "both")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NeighborList:
    """The neighbours of one query.

    Attributes:
        asset_id: id of the query in its catalog.
        query_modality: what was searched with: image, text, or both.
        neighbor_ids: the best first; there may be none.
        scores: float32 array of shape (neighbours,): inner products of unit vectors.

    """

    asset_id: str
    query_modality: str
    neighbor_ids: tuple[str, ...]
    scores: NDArray[np.float32]


def _parts(run: RunManifest, rows: pa.Table) -> NDArray[np.int32]:
    # What was asked for, and not what a row had of it: then an asset has one row of each kind.
    return np.full(len(rows), _SEARCHED_WITH.index(str(run.config.get("of", "both"))), np.int32)


def _settings(_run: RunManifest) -> object:
    return None  # a newer search replaces an older one, whatever it was made with


_TABLE = LookupTable(
    record=Neighbors,
    columns=tuple(one.name for one in fields(NeighborList) if one.name != "asset_id"),
    repeated=frozenset({"query_modality"}),
    parts=_parts,
    settings=_settings,
    job="neighbors",
)


def find_neighbors(uri: str, upto: int | None = None) -> CommittedRuns:
    """Find the committed neighbours of an output; their files are not opened.

    Args:
        uri: the output.
        upto: number of the last commit to look at; None for all.

    Raises:
        CatalogError: there are none, the last commit was interrupted while its files were moved,
            or files that were committed are gone.

    """
    missing = f"{uri} holds no neighbours. Make some: calumma neighbors CATALOG INDEX {uri}."
    return find_committed(uri, _TABLE_NAME, missing=missing, upto=upto)


class NeighborLists:
    """The neighbours in an output, by asset id.

    Where an asset was searched for several times ``--of`` the same, the newest search counts.

    Args:
        runs: from :func:`find_neighbors`.

    Raises:
        CatalogError: files of neighbours are gone, or lack a column.
        WorkerError: there is no room for a copy on the disk.

    """

    def __init__(self, runs: CommittedRuns) -> None:
        self._lookup = open_lookup(runs, _TABLE)

    def __len__(self) -> int:
        """How many assets were searched for."""
        return len(self._lookup)

    def find(self, asset_ids: Sequence[str]) -> dict[str, tuple[NeighborList, ...]]:
        """Give the neighbours of some assets; what was not searched for is not in the result.

        Several searches of an asset come in the order of image, text and both.
        """
        return self._lookup.records(NeighborList, asset_ids)
