"""Which rows of a table are superseded: those of which a later row of the same asset is there."""

import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from storage.digests import Flags
from storage.keys import Words, asset_words
from storage.latest import IDENTITY
from storage.parallel import for_each
from storage.store import Store

_ROWS_AT_ONCE = 65_536


def identity_words(rows: "pq.ParquetFile", table: str) -> Words:
    """What tells a table's rows apart, as words: uint64 array of shape (rows, 2)."""
    columns = IDENTITY[table]
    found = [np.empty((0, 2), np.uint64)]
    for batch in rows.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
        values = [list(map(str, batch[name].to_pylist())) for name in columns]
        if len(values) == 1:
            found.append(asset_words(values[0]))
        else:
            found.append(asset_words(["\x00".join(row) for row in zip(*values, strict=True)]))
    return np.concatenate(found)


def superseded_rows(store: Store, table: str, paths: Sequence[str]) -> list[Flags]:
    """Find the rows of which a later one is there.

    Memory is some 50 bytes a row: rows are told apart by 128 bits of a hash.

    Args:
        paths: the table's files in the order of their commits; within a file too, later rows
            count.

    Returns:
        A bool array of shape (rows,) for each file.

    """

    def read(path: str) -> Words:
        with store.open(path) as file:
            return identity_words(pq.ParquetFile(file), table)

    parts = for_each(store, read, paths)
    sizes = [len(words) for words in parts]
    words = np.concatenate([np.empty((0, 2), np.uint64), *parts])
    del parts
    flags = ~last_of_each(words[:, 0], words[:, 1])
    ends = np.cumsum([0, *sizes])
    return [flags[start:end] for start, end in itertools.pairwise(ends)]


def last_of_each(first: Words, second: Words) -> Flags:
    """Mark the last of the rows that have the same words: bool array of shape (rows,)."""
    order: NDArray[np.intp] = np.lexsort((second, first))  # stable: later rows come later
    same = (first[order][1:] == first[order][:-1]) & (second[order][1:] == second[order][:-1])
    last = np.ones(len(first), bool)
    last[order[:-1][same]] = False
    return last
