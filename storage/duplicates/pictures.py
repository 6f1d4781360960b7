"""The signatures of a job as arrays: what is searched in memory, the rest in files of a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.duplicates.components import Rows
from storage.duplicates.signature import SIGNATURE_BYTES, Signatures
from storage.duplicates.table import SignatureSet
from storage.keys import Words, asset_words

_COLUMNS = ("asset_id", "sha256", "pixels_sha256", "signature", "vector")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pictures:
    """What is compared of all pictures, row by row of the table.

    Attributes:
        newest: int32 array of the rows that no later row of the same asset replaces.
        identity: uint64 array of shape (rows, 2): 128 bits of the asset ids' hashes.
        content: uint64 array of shape (rows, 2): 128 bits of the digests of the encoded bytes.
        pixels: likewise of the decoded pixels.
        signatures: uint8 array of shape (rows, 768), memory-mapped.
        vectors: float16 array of shape (rows, dimension), memory-mapped.

    """

    newest: Rows
    identity: Words
    content: Words
    pixels: Words
    signatures: Signatures
    vectors: NDArray[np.float16]


def read_pictures(table: SignatureSet, scratch: Path) -> Pictures:
    """Read a table of signatures, front to back.

    Memory is 48 bytes a row, and as much again for a moment; in ``scratch`` it takes 768 bytes a
    row and two for each dimension of the vectors.
    """
    count = table.rows
    signatures = _file(scratch / "signatures.u8", np.uint8, (count, SIGNATURE_BYTES))
    vectors = _file(scratch / "vectors.f16", np.float16, (count, table.dimension))
    identity = np.empty((count, 2), np.uint64)
    content = np.empty((count, 2), np.uint64)
    pixels = np.empty((count, 2), np.uint64)
    for first, rows in table.read(_COLUMNS):
        block = slice(first, first + len(rows))
        identity[block] = asset_words([str(name) for name in rows["asset_id"].to_pylist()])
        content[block] = _digest_words(rows["sha256"])
        pixels[block] = _digest_words(rows["pixels_sha256"])
        signatures[block] = _bytes_of(rows["signature"]).reshape(-1, SIGNATURE_BYTES)
        vectors[block] = _values_of(rows["vector"]).reshape(len(rows), table.dimension)
    return Pictures(
        newest=_newest(identity),
        identity=identity,
        content=content,
        pixels=pixels,
        signatures=signatures,
        vectors=vectors,
    )


def _newest(identity: Words) -> Rows:
    # Rows of one asset stand side by side, the last of the table at their end.
    order = np.lexsort((np.arange(len(identity)), identity[:, 1], identity[:, 0]))
    newest = np.ones(len(order), bool)
    newest[:-1] = (identity[order[1:]] != identity[order[:-1]]).any(axis=1)
    return np.sort(order[newest]).astype(np.int32)


def _file(path: Path, dtype: type[Any], shape: tuple[int, int]) -> NDArray[Any]:
    if not shape[0] * shape[1]:
        return np.empty(shape, dtype)
    mapped: NDArray[Any] = np.memmap(path, dtype, "w+", shape=shape)
    return mapped


def _digest_words(column: "pa.ChunkedArray[Any]") -> Words:
    """The first 128 bits of hexadecimal digests of 64 digits."""
    digits = _bytes_of(column).reshape(-1, 64)[:, :32]
    raw = bytes.fromhex(digits.tobytes().decode("ascii"))
    return np.frombuffer(raw, ">u8").astype(np.uint64).reshape(-1, 2)


def _bytes_of(column: "pa.ChunkedArray[Any]") -> NDArray[np.uint8]:
    """What strings or bytes hold, one behind the other."""
    values: Any = column.combine_chunks().cast(pa.binary())
    return np.frombuffer(b"".join(values.to_pylist()), np.uint8)


def _values_of(column: "pa.ChunkedArray[Any]") -> NDArray[np.float16]:
    lists: Any = column.combine_chunks()
    values: NDArray[np.float16] = lists.flatten().to_numpy(zero_copy_only=False)
    return values
