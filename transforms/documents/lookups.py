"""The pictures and neighbours that documents need, by asset id: looked up for whole batches."""

import itertools
from collections.abc import Iterable, Sequence

from storage.digests import DigestFile
from storage.drop_list import open_drop_list
from storage.keep_list import open_keep_list
from storage.keys import asset_words
from storage.lookup.neighbors import NeighborList, NeighborLists, find_neighbors
from storage.lookup.pictures import CodedPicture, CodedPictures
from storage.tokens import find_tokens
from transforms.documents.settings import AssembleSettings
from transforms.documents.shown import Pictures


class DocumentLookups:
    """Opens what a job's documents are made of.

    Raises:
        CalummaError: an output is not as it was when the run began.

    """

    def __init__(self, work: AssembleSettings) -> None:
        model, revision = work.source.name, work.source.revision
        self._pictures: dict[str, list[CodedPictures]] = {}
        for one in work.codes:
            pictures = CodedPictures(find_tokens(one.uri, one.upto).of(model, revision))
            self._pictures.setdefault(one.name, []).append(pictures)
        self._neighbors: NeighborLists | None = None
        if work.neighbors is not None:
            runs = find_neighbors(work.neighbors.uri, work.neighbors.upto)
            self._neighbors = NeighborLists(runs)
        self._keep = [open_keep_list(one) for one in work.keep]
        self._drop = open_drop_list(work.drop) if work.drop else None

    def pictures(self, wanted: Iterable[tuple[str, str]]) -> Pictures:
        """Find pictures by their set of codes and their asset's id; some may not be there.

        Of several outputs of a set the first that has an asset counts.
        """
        by_set: dict[str, list[str]] = {}
        for name, asset_id in wanted:
            by_set.setdefault(name, []).append(asset_id)
        found: dict[tuple[str, str], tuple[CodedPicture, ...]] = {}
        for name, ids in by_set.items():
            for pictures in self._pictures[name]:
                missing = [asset_id for asset_id in ids if (name, asset_id) not in found]
                there = pictures.find(missing).items() if missing else ()
                found |= {(name, asset_id): crops for asset_id, crops in there}
        return found

    def neighbors(self, asset_ids: Sequence[str]) -> list[list[str]]:
        """The neighbours of assets, the best first, without those that are left out.

        Of an asset that was searched for in several ways, such as by its picture and by its text,
        each way gives one in turn.
        """
        if self._neighbors is None:
            return [[] for _ in asset_ids]
        found = self._neighbors.find(asset_ids)
        lists = [in_turn(found.get(asset_id, ())) for asset_id in asset_ids]
        for kept in self._keep:
            lists = those_in(lists, kept, wanted=True)
        return lists if self._drop is None else those_in(lists, self._drop, wanted=False)


def in_turn(lists: Sequence[NeighborList]) -> list[str]:
    """Take ids from several lists in turn, each of them once."""
    rounds = itertools.zip_longest(*(one.neighbor_ids for one in lists))
    taken = (asset_id for some in rounds for asset_id in some if asset_id is not None)
    return list(dict.fromkeys(taken))


def those_in(
    lists: Sequence[Sequence[str]], digests: DigestFile, *, wanted: bool
) -> list[list[str]]:
    """Lists of ids with those alone that are in a set, or are not."""
    words = asset_words([name for names in lists for name in names])
    found = iter(digests.contains(words[:, 0], words[:, 1]).tolist())
    return [[name for name in names if next(found) == wanted] for names in lists]
