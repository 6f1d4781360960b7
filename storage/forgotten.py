"""Assets that are forgotten: their rows are gone, and no job makes them anew.

An output keeps a list of each forgetting, 16 bytes an asset, of which their ids cannot be read. A
list that is deleted is lifted: the next run does its assets again.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.digests import DigestFile, DigestSet, Flags
from storage.keys import asset_words
from storage.layout import FORGOTTEN
from storage.shared_files import local_copy
from storage.store import Store


def load_forgotten(store: Store, *, after: int = 0) -> DigestSet:
    """The words of the assets that commits behind ``after`` have forgotten."""
    paths = [entry.path for entry in store.entries(FORGOTTEN)]
    # Names begin with the commit's number.
    chosen = [path for path in paths if path.endswith(".ids") and _number(path) > after]
    return DigestSet([DigestFile.map(local_copy(store, path)) for path in chosen])


def names_forgotten(ids: Sequence[str | None], forgotten: DigestSet | DigestFile) -> Flags:
    """Tell which ids are forgotten: bool array of shape (ids,)."""
    found = np.zeros(len(ids), bool)
    if len(forgotten):
        named = [index for index, name in enumerate(ids) if name]
        words = asset_words([name for name in ids if name])
        found[named] = forgotten.contains(words[:, 0], words[:, 1])
    return found


def shows_forgotten(rows: pa.Table, forgotten: DigestSet | DigestFile) -> Flags:
    """Tell which rows are of a forgotten asset, or hold what is of one.

    A training document holds texts and codes of the assets it shows; the kept one of a cluster of
    duplicates is named by the others. A caption says which neighbours were shown to the model, and
    holds nothing of theirs.

    Args:
        rows: with the columns of :data:`NAMING` that their table has.

    Returns:
        bool array of shape (rows,).

    """
    found = names_forgotten(rows["asset_id"].to_pylist(), forgotten)
    if "kept_id" in rows.column_names:
        found |= names_forgotten(rows["kept_id"].to_pylist(), forgotten)
    if "segments" in rows.column_names:
        segments: Any = rows["segments"].combine_chunks()
        ids = pc.struct_field(pc.list_flatten(segments), "asset_id")
        of_rows = pc.list_parent_indices(segments).to_numpy()
        found[of_rows[names_forgotten(ids.to_pylist(), forgotten)]] = True
    return found


NAMING = ("asset_id", "kept_id", "segments")
"""Columns that say of which assets a row holds something."""


def _number(path: str) -> int:
    return int(path.rpartition("/")[2].partition("-")[0])
