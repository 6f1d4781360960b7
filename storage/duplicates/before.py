"""What the search before found, as far as it still holds: nights compare only what is new."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.errors import CalummaError
from schemas.manifest import RunManifest
from storage.digests import DigestFile, Flags
from storage.duplicates.alike import member_batches
from storage.duplicates.clusters import Compared, Nearness
from storage.duplicates.components import Rows
from storage.duplicates.pictures import Pictures
from storage.duplicates.record import DuplicatesRecord, newest_record
from storage.duplicates.table import SignatureSet
from storage.keys import Words, asset_words
from storage.latest import read_history
from storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Members:
    """The pictures of all clusters: about 36 bytes each.

    Attributes:
        assets: uint64 array of shape (members, 2).
        keepers: likewise, of shape (clusters, 2).
        clusters: of each member, the number of its cluster.
        sizes: of each member, how many its cluster had.

    """

    assets: Words
    keepers: Words
    clusters: NDArray[np.int64]
    sizes: NDArray[np.int32]


def compared_before(
    store: Store,
    manifest: RunManifest,
    nearness: Nearness,
    signatures: SignatureSet,
    pictures: Pictures,
) -> Compared | None:
    """What an output's newest search found of pictures that are there as they were.

    Of a cluster that lost a picture nothing is taken over: what it held together may fall apart.

    Args:
        manifest: of the run whose pictures are searched.

    Returns:
        None where all has to be compared: there was no search, it was by another rule, with
        another model or in another version of Calumma, or it cannot be read.

    """
    try:
        record = newest_record(store)
        if record is None or not _is_of_like_rule(record, manifest, nearness):
            return None
        history = read_history(store)
        made = {one.run_id: one.versions.get("calumma") for one in history.runs}
        if made.get(record.run_id) != manifest.versions.get("calumma"):
            return None
        members = _members(store, history.replacements.resolve(record.files))
        kept = DigestFile.parse(store.get(record.keep_list))
    except (CalummaError, FileNotFoundError, ValueError):
        return None  # damaged, or another search has put its own in its place at this moment
    return _as_it_was(pictures, signatures.rows_upto(record.commit), members, kept)


def _is_of_like_rule(record: DuplicatesRecord, manifest: RunManifest, nearness: Nearness) -> bool:
    return (
        record.commit < manifest.commit
        and (record.model, record.revision) == (manifest.model, manifest.revision)
        and record.max_difference == nearness.max_difference
        and record.min_similarity == nearness.min_similarity
    )


def _members(store: Store, files: Sequence[str]) -> _Members:
    assets, clusters = [np.empty((0, 2), np.uint64)], [np.empty((0, 2), np.uint64)]
    sizes = [np.empty(0, np.int32)]
    for batch in member_batches(store.uri, files, ["asset_id", "kept_id", "cluster_size"]):
        assets.append(asset_words(batch["asset_id"].to_pylist()))
        clusters.append(asset_words(batch["kept_id"].to_pylist()))
        sizes.append(batch["cluster_size"].to_numpy())
    names, numbers = np.unique(np.concatenate(clusters), axis=0, return_inverse=True)
    return _Members(
        assets=np.concatenate(assets),
        keepers=names,
        clusters=numbers.reshape(-1),
        sizes=np.concatenate(sizes),
    )


def _as_it_was(
    pictures: Pictures, there_then: Flags, members: _Members, kept: DigestFile
) -> Compared:
    identity = pictures.identity[pictures.newest]
    order = np.lexsort((identity[:, 1], identity[:, 0]))
    place_of = DigestFile(identity[order, 0], identity[order, 1])
    newest_of = pictures.newest[order]

    def rows_of(assets: Words) -> tuple[Rows, Flags]:
        """The newest row of each asset, and whether there is one."""
        at = place_of.positions(assets[:, 0], assets[:, 1])
        return newest_of[at] if len(newest_of) else np.zeros(len(at), np.int32), at >= 0

    compared = np.zeros(len(pictures.identity), bool)
    # What was not kept belongs to a cluster: to one of the table, or to one whose kept picture was
    # forgotten, and the cluster with it.
    compared[pictures.newest] = kept.contains(identity[:, 0], identity[:, 1])
    rows, there = rows_of(members.assets)
    compared[rows[there]] = True
    compared &= there_then
    # Each member of a cluster has to be there as it was.
    whole = there & compared[rows] if len(compared) else there
    left = np.bincount(members.clusters[whole], minlength=len(members.keepers))
    broken = left[members.clusters] != members.sizes
    compared[rows[broken & there]] = False
    keepers = rows_of(members.keepers)[0][members.clusters]
    return Compared(rows=compared, first=rows[~broken], second=keepers[~broken])
