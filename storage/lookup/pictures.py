"""The codes of pictures by asset id."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.image_tokens import ImageTokens
from schemas.manifest import RunManifest
from storage.committed import CommittedRuns
from storage.lookup.build import LookupTable
from storage.lookup.opened import open_lookup


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodedPicture:
    """The codes of one picture, or of one crop of it.

    Attributes:
        crop_number: which crop, from 0; 0 where none was drawn.
        codes: uint16 or, of a large codebook, uint32 array of shape (codes,), row by row of the
            grid: a view of the mapped file.
        height: rows of the grid, as the table says; ``width``: its columns.
        key: of the row of the table.
        framing: how the picture was framed.
        tokenizer_hash: of what makes codes of a frame's pixels.

    """

    asset_id: str
    crop_number: int
    uri: str
    text: str
    license: str
    source: str
    codes: NDArray[np.uint16] | NDArray[np.uint32]
    height: int
    width: int
    key: str
    framing: str
    tokenizer_hash: str
    model: str
    revision: str


_COLUMNS = tuple(one.name for one in fields(CodedPicture) if one.name != "asset_id")


def _parts(_run: RunManifest, rows: pa.Table) -> NDArray[np.int32]:
    crops: NDArray[np.int32] = rows["crop_number"].to_numpy()
    return crops


def _settings(run: RunManifest) -> object:
    config = ("framing", "resolution", "crops", "smallest_crop")
    return run.model, run.revision, [run.config.get(name) for name in config]


_TABLE = LookupTable(
    record=ImageTokens,
    columns=_COLUMNS,
    repeated=frozenset({"framing", "tokenizer_hash", "model", "revision"}),
    parts=_parts,
    settings=_settings,
    job="tokenize",
)


class CodedPictures:
    """The codes of an output's pictures, by asset id.

    Where an asset was tokenized several times, those codes count that were made with the model and
    the framing of its newest ones; of a crop that there is several times, the newest.

    Args:
        runs: from :func:`storage.tokens.find_tokens`.

    Raises:
        CatalogError: files of codes are gone, or lack a column.
        WorkerError: there is no room for a copy on the disk.

    """

    def __init__(self, runs: CommittedRuns) -> None:
        self._lookup = open_lookup(runs, _TABLE)

    def __len__(self) -> int:
        """How many assets have codes."""
        return len(self._lookup)

    def find(self, asset_ids: Sequence[str]) -> dict[str, tuple[CodedPicture, ...]]:
        """Give the codes of some assets, by crops; what has none is not in the result.

        Whether there are as many codes as the grid has cells is not looked at.
        """
        return self._lookup.records(CodedPicture, asset_ids)
