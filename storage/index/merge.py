"""Merging shards: fewer files to open and fewer searches for each query."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import UsageError
from storage.index.errors import IndexMismatchError
from storage.index.ids import append_offsets
from storage.index.kinds import (
    FAISS,
    has_plain_lists,
    inner_index,
    kind_of,
    load_trained,
)
from storage.index.mapping import map_vectors, read_lists_mapped
from storage.index.shard import (
    INDEX,
    LISTS,
    OFFSETS,
    TEXT,
    VECTORS,
    ShardRecord,
    digest_of,
    new_shard_folder,
    read_shard_record,
    write_shard_record,
)

_BLOCK = 1 << 14


def merge_shards(trained: bytes, sources: Sequence[Path], folder: Path) -> ShardRecord:
    """Merge shards into one: the rows of the first, then those of the second, and so on.

    Removed rows stay, so an id may be there twice, once removed. Memory: nothing but the trained
    index for IVF kinds, whose lists go from file to file; the codes of all vectors for flat and
    fast-scan kinds, which is what searching them takes. Fast-scan codes are made anew
    from the stored vectors: from float16 ones a few differ.

    Args:
        trained: the index that the shards were built from.
        sources: folders of the shards.
        folder: made if absent. What it holds after an error is to be thrown away.

    Raises:
        UsageError: there is no shard, the folder is not empty, or the kind cannot be merged.
        IndexMismatchError: a shard was not built from this trained index, or two store their
            vectors differently.
        IndexDamagedError: a shard's file is missing or cut short.

    """
    index = load_trained(trained)
    if kind_of(index) == "hnsw":
        raise UsageError("HNSW shards cannot be merged. Keep them as several, or choose an IVF.")
    records = _matching_records(digest_of(trained), sources)
    new_shard_folder(folder)
    for name in (VECTORS, TEXT):
        with (folder / name).open("wb") as target:
            for source in sources:
                with (source / name).open("rb") as file:
                    shutil.copyfileobj(file, target, 1 << 20)
    with (folder / OFFSETS).open("wb") as target:
        target.write(bytes(8))
        end = 0
        for source, record in zip(sources, records, strict=True):
            end = append_offsets(source / OFFSETS, record.count, end, target)
    filled = [source for source, record in zip(sources, records, strict=True) if record.count]
    if kind_of(index) == "flat":
        for source in filled:
            index.merge_from(FAISS.read_index(str(source / INDEX)))
    elif not has_plain_lists(index):
        _add_again(index, folder, records)
    elif filled:
        _merge_lists(index, filled, folder)
    FAISS.write_index(index, str(folder / INDEX))
    return write_shard_record(
        folder,
        kind=kind_of(index),
        trained=digest_of(trained),
        dimension=index.d,
        count=sum(record.count for record in records),
        stored_as=records[0].stored_as,
    )


def _matching_records(trained: str, sources: Sequence[Path]) -> list[ShardRecord]:
    if not sources:
        raise UsageError("There is no shard to merge. Name one or more.")
    records = [read_shard_record(source) for source in sources]
    for source, record in zip(sources, records, strict=True):
        if record.trained != trained:
            raise IndexMismatchError(
                f"{source} was built from another trained index. Build it again from this one."
            )
        if record.stored_as != records[0].stored_as:
            raise IndexMismatchError(
                f"{source} stores {record.stored_as} vectors, and {sources[0]} "
                f"{records[0].stored_as}. Build one of them again."
            )
    return records


def _add_again(index: Any, folder: Path, records: Sequence[ShardRecord]) -> None:
    """Make the codes of all vectors anew from the stored ones.

    Merging fast-scan lists by FAISS itself ended the process in a test.
    """
    count = sum(record.count for record in records)
    vectors = map_vectors(folder, records[0], count)
    for start in range(0, count, _BLOCK):
        index.add(vectors[start : start + _BLOCK].astype(np.float32))


def _merge_lists(index: Any, sources: Sequence[Path], folder: Path) -> None:
    """Write the lists of all shards into one file, list by list, and hang it into the index.

    FAISS can do this itself, but prints to the terminal while it does.
    """
    mapped = [read_lists_mapped(source) for source in sources]
    lists = [inner_index(one).invlists for one in mapped]
    starts = np.cumsum([0, *(one.ntotal for one in mapped)]).tolist()
    inner = inner_index(index)
    sizes = np.zeros(inner.nlist, np.uint64)
    with (folder / LISTS).open("wb") as target:
        for number in range(inner.nlist):
            counts = [one.list_size(number) for one in lists]
            sizes[number] = sum(counts)
            filled = [entry for entry in zip(lists, counts, starts, strict=False) if entry[1]]
            for one, count, _ in filled:
                codes = FAISS.rev_swig_ptr(one.get_codes(number), count * inner.code_size)
                target.write(codes.tobytes())
            for one, count, start in filled:
                rows = FAISS.rev_swig_ptr(one.get_ids(number), count) + start
                target.write(rows.astype("<i8").tobytes())
    merged = FAISS.OnDiskInvertedLists()
    merged.nlist, merged.code_size = inner.nlist, inner.code_size
    merged.lists.resize(inner.nlist)
    merged.set_all_lists_sizes(FAISS.swig_ptr(sizes))
    merged.totsize = (folder / LISTS).stat().st_size
    # The index is to be found wherever its folder is moved: the reader knows where that is.
    merged.filename = LISTS
    inner.replace_invlists(merged, True)  # noqa: FBT003 (SWIG knows no keywords)
    merged.this.disown()
    index.ntotal = inner.ntotal = starts[-1]
