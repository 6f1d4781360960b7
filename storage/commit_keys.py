"""Keys at the commit: doubled ids within a run, rows that another run committed meanwhile."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from storage.digests import DigestSet, Flags, sorted_digests
from storage.forgotten import shows_forgotten
from storage.keys import Words
from storage.known import KnownKeys
from storage.layout import keys_path, staging_folder
from storage.parallel import for_each
from storage.parts import DONE, DOUBLED, OUTCOME_NAMES, Part, read_keys
from storage.rewrite_part import read_staged, rewrite_part
from storage.runs import Run
from storage.store import Store

Keys = NDArray[np.void]
# What is held of a part's keys: a row's position is its place, and the rest of its identity is
# read again for the few rows whose first words are the same.
_COLUMNS = np.dtype([("identity_first", "<u8"), ("second", "<u8"), ("outcome", "u1")])


def drop_and_reject(
    store: Store,
    run: Run,
    parts: Sequence[Part],
    newer: KnownKeys | None,
    token: str,
    forgotten: DigestSet | None = None,
) -> tuple[list[Part], Keys]:
    """Drop rows that newer commits have done or forgotten; reject rows whose id came before.

    Args:
        parts: a run's parts in the catalog's order; those of an evaluation have no keys, so that
            they lose forgotten rows alone.
        newer: keys committed since the run began, if any were.
        token: names the files that replace staged ones.
        forgotten: assets that newer commits have forgotten, if any have.

    Returns:
        The parts, those that lost rows replaced, and the keys of the rows that remain.

    """
    keys, sizes = _read_all(store, parts)
    dropped = np.zeros(len(keys), dtype=bool)
    if newer is not None and len(keys):
        first, second = keys["identity_first"], keys["second"]
        # A row that failed there too has a failure of each run, as if one had followed the other.
        dropped = newer.done.contains(first, second)
    if forgotten is not None and len(forgotten):
        lost = _forgotten_rows(store, parts, sizes, keys, forgotten)
        dropped |= lost
        parts = [
            part if "keys" in part.files else _drop_forgotten(store, run, part, forgotten, token)
            for part in _without_thumbnails(parts, sizes, lost)
        ]
    rejected = _repeats(store, parts, sizes, keys, dropped)
    result, start = [], 0
    for part, size in zip(parts, sizes, strict=True):
        rows = slice(start, start + size)
        start += size
        if dropped[rows].any() or rejected[rows].any():
            is_row = keys["outcome"][rows] == DONE
            part = rewrite_part(  # noqa: PLW2901
                store, run, part, is_row, dropped[rows], rejected[rows], token
            )
        result.append(part)
    keys["outcome"][rejected] = DOUBLED
    return result, keys[~dropped] if dropped.any() else keys


def _forgotten_rows(
    store: Store, parts: Sequence[Part], sizes: Sequence[int], keys: Keys, forgotten: DigestSet
) -> Flags:
    """Mark the keys of rows and failures that hold something of a forgotten asset."""
    lost = np.zeros(len(keys), bool)
    start = 0
    for part, size in zip(parts, sizes, strict=True):
        if size:
            here = slice(start, start + size)
            lost[here] = _lost(store, part, keys["outcome"][here] == DONE, forgotten)
        start += size
    return lost


def _lost(store: Store, part: Part, is_row: Flags, forgotten: DigestSet) -> Flags:
    """Mark the outcomes of a part that hold something of a forgotten asset."""
    lost = np.zeros(len(is_row), bool)
    for content, which in (("rows", is_row), ("failures", ~is_row)):
        table, _ = read_staged(store, part, content)
        if table is not None:
            lost[which] = shows_forgotten(table, forgotten)
    return lost


def _drop_forgotten(store: Store, run: Run, part: Part, forgotten: DigestSet, token: str) -> Part:
    """Drop what is of forgotten assets from a part of an evaluation, whose rows have no keys."""
    rows, failures = part.counts.rows_out, part.counts.failed
    is_row = np.arange(rows + failures) < rows
    lost = _lost(store, part, is_row, forgotten)
    if not lost.any():
        return part
    return rewrite_part(store, run, part, is_row, lost, np.zeros_like(lost), token)


def _without_thumbnails(parts: Sequence[Part], sizes: Sequence[int], lost: Flags) -> list[Part]:
    """Leave out the thumbnails of parts that lose rows: a sample that lacks a few."""
    result, start = [], 0
    for part, size in zip(parts, sizes, strict=True):
        files = part.files
        if lost[start : start + size].any():
            files = {name: path for name, path in files.items() if name != "thumbnails"}
        result.append(replace(part, files=files))
        start += size
    return result


def _read_all(store: Store, parts: Sequence[Part]) -> tuple[Keys, list[int]]:
    """Read the parts' keys into one array, and say how many each part has.

    One array without copies and of the columns that all rows need: of ten million it is 170 MB.
    """
    sizes = [
        part.counts.rows_out + part.counts.failed if "keys" in part.files else 0 for part in parts
    ]
    keys = np.empty(sum(sizes), _COLUMNS)
    starts = itertools.accumulate(sizes, initial=0)

    def read(place: tuple[Part, int, int]) -> None:
        part, start, size = place
        found = read_keys(store, part)
        for column in _COLUMNS.names or ():
            keys[column][start : start + size] = found[column]

    for_each(store, read, zip(parts, starts, sizes, strict=False))
    return keys, sizes


def key_files(
    store: Store, run_id: str, number: int, keys: Keys, token: str
) -> list[tuple[str, str]]:
    """Stage a commit's sorted digests; give the moves that publish them."""
    moves = []
    for outcome, kind in enumerate(OUTCOME_NAMES):
        chosen = keys["outcome"] == outcome
        if outcome == DOUBLED:
            chosen &= ~_same_key_kept(keys, chosen)
        if chosen.any():
            content = sorted_digests(
                keys["identity_first"][chosen], keys["second"][chosen]
            ).serialize()
            staged = f"{staging_folder(run_id)}/keys-{token}.{kind}"
            store.put(staged, content)
            moves.append((staged, keys_path(number, number, kind, content)))
    return moves


def _same_key_kept(keys: Keys, doubled: Flags) -> Flags:
    """Mark doubled rows whose whole key the kept row has: its outcome is the key's."""
    same = np.zeros(len(keys), dtype=bool)
    rows = np.flatnonzero(doubled)
    if len(rows):
        kept = np.flatnonzero(np.isin(keys["identity_first"], keys["identity_first"][rows]))
        kept = kept[~doubled[kept]]
        known = sorted_digests(keys["identity_first"][kept], keys["second"][kept])
        same[rows] = known.contains(keys["identity_first"][rows], keys["second"][rows])
    return same


def _repeats(
    store: Store, parts: Sequence[Part], sizes: Sequence[int], keys: Keys, dropped: Flags
) -> Flags:
    """Mark every row whose identity a row before it has; dropped rows count for nothing."""
    repeated = np.zeros(len(keys), dtype=bool)
    words = np.sort(keys["identity_first"])
    words = np.unique(words[1:][words[1:] == words[:-1]])
    # Few rows, unless the catalog is wrong: only these are compared in full.
    rows = np.flatnonzero(np.isin(keys["identity_first"], words) & ~dropped)
    if not len(rows):
        return repeated
    first, second = keys["identity_first"][rows], _identity_seconds(store, parts, sizes, rows)
    order = np.lexsort((rows, second, first))
    same = (first[order][1:] == first[order][:-1]) & (second[order][1:] == second[order][:-1])
    repeated[rows[order[1:][same]]] = True
    return repeated


def _identity_seconds(
    store: Store, parts: Sequence[Part], sizes: Sequence[int], rows: NDArray[np.intp]
) -> Words:
    """Read the second words of some rows' identities: ascending indices into all parts' rows."""
    starts = np.cumsum([0, *sizes[:-1]])
    lows, highs = np.searchsorted(rows, starts), np.searchsorted(rows, starts + sizes)
    return np.concatenate(
        [
            read_keys(store, part)["identity_second"][rows[low:high] - start]
            for part, start, low, high in zip(parts, starts, lows, highs, strict=True)
            if low < high
        ]
    )
