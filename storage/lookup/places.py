"""Where an asset's rows are: sorted digests of the ids, and for each the numbers of its rows.

``ids`` is a digest file (:mod:`storage.digests`); ``places.offsets`` says where in
``places.values`` each id's row numbers begin, as the files of a column do
(:mod:`storage.lookup.arrays`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.digests import DigestFile, write_digests
from storage.keys import asset_words
from storage.lookup.arrays import NewFiles, OffsetsWriter, Rows, map_array, spans

# 24 bytes a row, in a file until they are parted, and then 32 until they are sorted.
_ENTRY = np.dtype([("first", "<u8"), ("second", "<u8"), ("part", "<i4"), ("settings", "<i4")])
_PARTED = np.dtype([*_ENTRY.descr, ("row", "<i8")])
_IDS, _PLACES, _ENTRIES = "ids", "places", "entries"
_SORTED_AT_ONCE = 1 << 20
_PARTED_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundRows:
    """The rows of some assets.

    Attributes:
        rows: int64 array of shape (rows,): row numbers, asset by asset.
        starts: int64 array of shape (assets + 1,): where each asset's begin; nothing lies between
            two of them for an asset that has no rows.

    """

    rows: Rows
    starts: Rows


class PlacesWriter:
    """Collects whose each row is.

    Args:
        files: gets the files.

    """

    def __init__(self, files: NewFiles) -> None:
        self._files = files
        self._file = files.open(_ENTRIES)
        self._count = 0

    def add(self, asset_ids: Sequence[str], parts: NDArray[np.int32], settings: int) -> None:
        """Note the next rows.

        Args:
            asset_ids: whose each row is.
            parts: int32 array of shape (rows,): tells rows of one asset apart.
            settings: a number for what the rows were made with.

        """
        entries = np.empty(len(asset_ids), _ENTRY)
        words = asset_words(asset_ids)
        entries["first"], entries["second"] = words[:, 0], words[:, 1]
        entries["part"], entries["settings"] = parts, settings
        self._file.write(entries.data)
        self._count += len(entries)

    def sort(self) -> None:
        """Sort what was noted and leave out what was superseded.

        Of an asset those rows count that were made with what its newest row was made with, and of
        several with the same part the newest. Rows that came later are newer. They are parted by
        how their hashes begin, and a share is sorted at a time: each row is gone through twice, and
        memory does not grow with the rows.
        """
        self._file.close()
        bits = (self._count // _SORTED_AT_ONCE).bit_length()
        self._part(bits)
        write_digests(self._files.folder / _IDS, self._sorted(bits))

    def _part(self, bits: int) -> None:
        """Write each entry, with its row, to the file of the share that it belongs to."""
        path = self._files.folder / _ENTRIES
        for start in range(0, self._count, _PARTED_AT_ONCE):
            count = min(_PARTED_AT_ONCE, self._count - start)
            block = np.empty(count, _PARTED)
            entries = np.fromfile(path, _ENTRY, count, offset=start * _ENTRY.itemsize)
            for name in _ENTRY.names or ():
                block[name] = entries[name]
            block["row"] = np.arange(start, start + count)
            shares = block["first"] >> np.uint64(32) >> np.uint64(32 - bits)
            # Stable: in each share the rows stay in their order.
            order = np.argsort(shares, kind="stable")
            found, begins = np.unique(shares[order], return_index=True)
            ends = np.append(begins[1:], count)
            block = block[order]
            for share, begin, end in zip(found.tolist(), begins, ends, strict=True):
                # Opened each time: there may be more shares than files that may be open.
                with self._path(share).open("ab") as file:
                    file.write(block[begin:end].data)
        path.unlink()

    def _sorted(self, bits: int) -> Iterator[DigestFile]:
        values = self._files.open(f"{_PLACES}.values")
        offsets = OffsetsWriter(self._files, _PLACES)
        for share in range(1 << bits):
            path = self._path(share)
            if not path.exists():
                continue
            some = _counting(np.fromfile(path, _PARTED))
            path.unlink()
            new = _begins(some)
            values.write(np.ascontiguousarray(some["row"]).data)
            offsets.add(np.diff(np.append(new, len(some))))
            yield DigestFile(some["first"][new], some["second"][new])

    def _path(self, share: int) -> Path:
        return self._files.folder / f"{_ENTRIES}.{share}"


class Places:
    """The rows of all assets, memory-mapped.

    Raises:
        FileNotFoundError: the files are gone.

    """

    def __init__(self, folder: Path) -> None:
        self._ids = DigestFile.map(folder / _IDS)
        self._offsets = map_array(folder / f"{_PLACES}.offsets", "<i8")
        self._rows = map_array(folder / f"{_PLACES}.values", "<i8")

    def __len__(self) -> int:
        return len(self._ids)

    def find(self, asset_ids: Sequence[str]) -> FoundRows:
        """Find the rows of some assets, by their parts; ids are told by 128 bits of a hash."""
        words = asset_words(asset_ids)
        at = self._ids.positions(words[:, 0], words[:, 1])
        if not len(self):
            return FoundRows(rows=np.empty(0, np.int64), starts=np.zeros(len(at) + 1, np.int64))
        # Of an absent id, at -1, the range from 0 to 0.
        begins = np.where(at < 0, 0, self._offsets[at])
        ends = np.where(at < 0, 0, self._offsets[at + 1])
        places, starts = spans(begins, ends)
        return FoundRows(rows=self._rows[places], starts=starts)


def _counting(entries: NDArray[np.void]) -> NDArray[np.void]:
    """Sort entries by asset and part, and leave out the superseded ones."""
    # Stable: of equal ones the newest stays last.
    order = np.lexsort((entries["part"], entries["second"], entries["first"]))
    entries = entries[order]
    begins = _begins(entries)
    newest = np.maximum.reduceat(entries["row"], begins)
    lengths = np.diff(np.append(begins, len(entries)))
    is_newest = entries["row"] == np.repeat(newest, lengths)
    settings = np.repeat(entries["settings"][is_newest], lengths)
    entries = entries[entries["settings"] == settings]
    last = np.append(_differs(entries, "first", "second", "part"), True)
    counting: NDArray[np.void] = entries[last]
    return counting


def _begins(entries: NDArray[np.void]) -> Rows:
    """Where each asset's entries begin, of sorted ones of which there is one at least."""
    return np.append(0, np.flatnonzero(_differs(entries, "first", "second")) + 1)


def _differs(entries: NDArray[np.void], *names: str) -> NDArray[np.bool_]:
    """Whether each entry but the first differs from the one before it."""
    found = np.zeros(max(len(entries) - 1, 0), bool)
    for name in names:
        found |= entries[name][1:] != entries[name][:-1]
    return found
