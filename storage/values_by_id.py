"""What a file says of assets, looked up by id: their groups, licences or labels."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import CatalogError
from storage.catalog.columns import id_text, plain_text
from storage.keys import asset_words
from storage.record_files import read_records

SAMPLE = "sample_number"
_IDS = ("asset_id", "id")
_ROWS_AT_ONCE = 8192


class ValuesById:
    """Columns of a file, by asset.

    In memory are 8 bytes of a hash of each id and 4 for each column, and the different values: two
    of ten million ids share a hash in three of a million files.

    Args:
        uri: Parquet, CSV or JSON lines with a column ``asset_id`` or ``id``; with one named
            ``sample_number`` too a row is of that sample of the asset.
        what: the file is, with its article.
        columns: those to take; none for all but the id.

    Attributes:
        told: the file, as it is told of.
        by_sample: whether its rows are of samples.
        columns: those that were taken.

    Raises:
        CatalogError: it is missing, unreadable, empty, lacks a column, or says two things of one
            asset.

    """

    def __init__(self, uri: str, what: str, columns: Sequence[str] = ()) -> None:
        self._uri = self.told = uri
        records = read_records(uri, what, needed=columns)
        first = next(records, None)
        if first is None:
            raise CatalogError(f"{uri} holds no rows.")
        id_column = next((name for name in _IDS if name in first), None)
        if id_column is None:
            raise CatalogError(f"{uri} has no column asset_id; it has: {', '.join(first)}.")
        self.by_sample = SAMPLE in first
        known = {id_column, SAMPLE}
        self.columns = tuple(columns) or tuple(name for name in first if name not in known)
        if not self.columns:
            raise CatalogError(f"{uri} has no column besides {id_column}.")
        self._values: dict[str, list[str]] = {name: [] for name in self.columns}
        self._hashes, self._codes = self._read(_chain(first, records), id_column)

    def __len__(self) -> int:
        return len(self._hashes)

    def find(
        self, ids: Sequence[str], samples: Sequence[object] | None = None
    ) -> dict[str, list[str | None]]:
        """Look up assets: of each column a value for each id, None where the file lacks it.

        Args:
            samples: their sample numbers, where the file is ``by_sample``.

        """
        names = _names(ids, samples) if self.by_sample and samples is not None else list(ids)
        hashes = asset_words(names)[:, 0]
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        there = self._hashes[at] == hashes
        found: dict[str, list[str | None]] = {}
        for name in self.columns:
            values, codes = self._values[name], self._codes[name][at]
            found[name] = [
                values[code] if known else None
                for code, known in zip(codes.tolist(), there.tolist(), strict=True)
            ]
        return found

    def _read(
        self, records: Iterator[Mapping[str, Any]], id_column: str
    ) -> tuple[NDArray[np.uint64], dict[str, NDArray[np.int32]]]:
        hashes: list[NDArray[np.uint64]] = []
        codes = {name: array("i") for name in self.columns}
        places: dict[str, dict[str, int]] = {name: {} for name in self.columns}
        ids: list[str] = []
        samples: list[object] = []

        def hash_some() -> None:
            names = _names(ids, samples) if self.by_sample else ids
            hashes.append(asset_words(names)[:, 0])
            ids.clear()
            samples.clear()

        for record in records:
            name = id_text(record.get(id_column))
            if name is None:
                continue
            ids.append(name)
            samples.append(record.get(SAMPLE))
            for column in self.columns:
                value = plain_text(record.get(column))
                known = places[column]
                if value not in known:
                    known[value] = len(known)
                    self._values[column].append(value)
                codes[column].append(known[value])
            if len(ids) == _ROWS_AT_ONCE:
                hash_some()
        hash_some()
        whole = np.concatenate(hashes)
        if not len(whole):
            raise CatalogError(f"No row of {self._uri} has an id.")
        order = np.argsort(whole, kind="stable")
        ordered = whole[order]
        of_column = {name: np.frombuffer(some, np.int32)[order] for name, some in codes.items()}
        self._check(ordered, of_column)
        return ordered, of_column

    def _check(self, hashes: NDArray[np.uint64], codes: Mapping[str, NDArray[np.int32]]) -> None:
        same = hashes[1:] == hashes[:-1]
        for name, some in codes.items():
            other = np.flatnonzero(same & (some[1:] != some[:-1]))
            if len(other):
                values = self._values[name]
                one, two = (values[code] for code in some[other[0] : other[0] + 2])
                raise CatalogError(
                    f"{self._uri} says two things of one asset: its {name} is {one!r}, and in "
                    f"another row {two!r}. Keep one row an asset."
                )


def _chain(first: Mapping[str, Any], rest: Iterator[Mapping[str, Any]]) -> Iterator[Any]:
    yield first
    yield from rest


def _names(ids: Sequence[str], samples: Sequence[object]) -> list[str]:
    return [f"{name}\x00{plain_text(one)}" for name, one in zip(ids, samples, strict=True)]
