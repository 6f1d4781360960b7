"""A shard's codes and vectors, read where they lie."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.index.kinds import FAISS, has_plain_lists, inner_index
from storage.index.shard import INDEX, LISTS, VECTORS, ShardRecord
from storage.index.vectors import Vectors


def read_lists_mapped(folder: Path) -> Any:
    """Read the IVF index of a shard, its inverted lists mapped, merged or not.

    Fast-scan indexes are read into memory: FAISS does not map theirs.

    Raises:
        RuntimeError: it is not an index that FAISS can read.

    """
    flags = FAISS.IO_FLAG_MMAP | FAISS.IO_FLAG_READ_ONLY
    index = FAISS.read_index(str(folder / INDEX), flags)
    if has_plain_lists(index):
        lists = FAISS.downcast_InvertedLists(inner_index(index).invlists)
        if (folder / LISTS).exists():
            # FAISS does not map lists of a file of their own with these flags, and looks for them
            # where the shard was made.
            lists.filename = str(folder / LISTS)
            lists.do_mmap()
        # Else each search starts 32 threads that read ahead, which costs more than it brings.
        lists.prefetch_nthread = 0
    return index


def map_vectors(folder: Path, record: ShardRecord, count: int) -> NDArray[np.floating[Any]]:
    """Map the stored vectors of a shard: float16 or float32 array of shape (count, dimension).

    Args:
        folder: holds the file.
        record: says how vectors are stored.
        count: how many there are.

    """
    dtype = np.dtype(record.stored_as).newbyteorder("<")
    shape = (count, record.dimension)
    if not count:
        return np.empty(shape, dtype)
    return np.asarray(np.memmap(folder / VECTORS, dtype=dtype, mode="r", shape=shape))


def index_in_place(vectors: NDArray[np.floating[Any]]) -> Any:
    """Make a flat FAISS index of stored vectors where they lie, mapped or in memory, uncopied.

    Args:
        vectors: float16 or float32 array of shape (count, dimension), contiguous. It has to be
            kept for as long as the index is.

    """
    dimension = vectors.shape[1]
    if vectors.dtype == np.float32:
        index = FAISS.IndexFlatIP(dimension)
    else:
        half, metric = FAISS.ScalarQuantizer.QT_fp16, FAISS.METRIC_INNER_PRODUCT
        index = FAISS.IndexScalarQuantizer(dimension, half, metric)
    if len(vectors):
        codes = vectors.reshape(-1).view(np.uint8)
        nobody = FAISS.MaybeOwnedVectorUInt8()  # owns nothing, and so frees nothing
        index.codes = nobody.create_view(FAISS.swig_ptr(codes), codes.size, nobody.owner)
        index.ntotal = len(vectors)
    return index


def as_float32(vectors: NDArray[np.floating[Any]]) -> Vectors:
    """Give stored vectors as float32: array of their shape. They have to be finite."""
    if vectors.dtype == np.float32:
        return vectors.astype(np.float32, copy=False)
    # Moved to where float32 has them, exponent and fraction are off by a power of two: exact, and
    # several times as fast as numpy's conversion of half precision.
    bits = vectors.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= -0x70000001  # the sign is kept where it was spread over the exponent
    wide: Vectors = bits.view(np.float32)
    wide *= np.float32(2.0**112)
    return wide
