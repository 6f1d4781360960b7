"""Which assets a search for duplicates left out, and which are like some others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.errors import UsageError
from storage.digests import DigestFile, Flags, merge_digests, sorted_digests
from storage.duplicates.record import newest_record
from storage.embeddings import open_part
from storage.keys import Words, asset_words
from storage.latest import read_history
from storage.store import open_store

_ROWS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alike:
    """The members of all clusters: about 33 bytes each.

    Attributes:
        assets: uint64 array of shape (members, 2).
        clusters: likewise, of the asset that is kept of each one's cluster.
        kept: bool array of shape (members,).

    """

    assets: Words
    clusters: Words
    kept: Flags

    def left_out(self) -> DigestFile:
        """The assets that are like another one, which is kept."""
        some = self.assets[~self.kept]
        return sorted_digests(some[:, 0], some[:, 1])

    def like(self, ids: DigestFile) -> DigestFile:
        """These assets, and all that share a cluster with one of them."""
        hit = self.clusters[ids.contains(self.assets[:, 0], self.assets[:, 1])]
        named = sorted_digests(hit[:, 0], hit[:, 1])
        some = self.assets[named.contains(self.clusters[:, 0], self.clusters[:, 1])]
        return merge_digests([ids, sorted_digests(some[:, 0], some[:, 1])])


def read_alike(uri: str) -> Alike:
    """Read what the newest search for duplicates of an output found.

    Raises:
        UsageError: the output holds none.
        RunError: its record or table cannot be read.

    """
    store = open_store(uri)
    record = newest_record(store)
    if record is None:
        raise UsageError(f"{uri} holds no duplicates. Find them: calumma duplicates CATALOG {uri}.")
    assets, clusters, kept = (
        [np.empty((0, 2), np.uint64)],
        [np.empty((0, 2), np.uint64)],
        [np.empty(0, bool)],
    )
    files = read_history(store).replacements.resolve(record.files)
    for batch in member_batches(uri, files, ["asset_id", "kept_id", "kept"]):
        assets.append(asset_words(batch["asset_id"].to_pylist()))
        clusters.append(asset_words(batch["kept_id"].to_pylist()))
        kept.append(batch["kept"].to_numpy(zero_copy_only=False))
    return Alike(
        assets=np.concatenate(assets), clusters=np.concatenate(clusters), kept=np.concatenate(kept)
    )


def member_batches(uri: str, files: Sequence[str], columns: Sequence[str]) -> Iterator[Any]:
    """Read columns of the table of clusters, a few thousand pictures at a time."""
    for path in files:
        part = open_part(uri, path)
        yield from part.iter_batches(batch_size=_ROWS_AT_ONCE, columns=list(columns))
