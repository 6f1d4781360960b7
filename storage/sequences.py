"""Packed sequences, laid out again from the documents of a row group."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.errors import CatalogError
from storage.documents import DocumentGroup, read_group

_COLUMNS = (
    "key",
    "token_ids",
    "loss_weights",
    "beginning",
    "sequence",
    "sequence_start",
    "context",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sequence:
    """Documents that are read at once.

    Attributes:
        tokens: int32 array of shape (tokens,), the documents' ids one behind the other.
        weights: float32 array of the same shape: what each is worth as a target.
        starts: int64 array of shape (documents,): their first tokens; the first is 0.
        stems: int64 array of shape (documents,): the number of what stands before each although it
            is further ahead, see :mod:`storage.shared_beginnings`; -1 for nothing.

    """

    tokens: NDArray[np.int32]
    weights: NDArray[np.float32]
    starts: NDArray[np.int64]
    stems: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sequences:
    """The sequences of a row group, without padding.

    Attributes:
        tokens: int32 array: all documents' ids, sequence by sequence; ``weights``: float32, so too.
        documents: int64 array of shape (documents + 1,): where in these each begins, and the end.
        sequences: int64 array of shape (sequences + 1,): the first document of each, and the end.
        beginnings: int64 array of shape (documents,): tokens that others may begin with too.
        context: tokens of a sequence at most.

    """

    tokens: NDArray[np.int32]
    weights: NDArray[np.float32]
    documents: NDArray[np.int64]
    sequences: NDArray[np.int64]
    beginnings: NDArray[np.int64]
    context: int

    def __len__(self) -> int:
        return len(self.sequences) - 1

    def __getitem__(self, number: int) -> Sequence:
        first, stop = self.sequences[number], self.sequences[number + 1]
        begin, end = self.documents[first], self.documents[stop]
        return Sequence(
            tokens=self.tokens[begin:end],
            weights=self.weights[begin:end],
            starts=self.documents[first:stop] - begin,
            stems=np.full(stop - first, -1),
        )


def read_sequences(group: DocumentGroup, *, vocabulary: int, longest: int) -> Sequences:
    """Read a row group's sequences, in the order of their first rows.

    Args:
        vocabulary: token ids are below this.
        longest: tokens of a document at most.

    Raises:
        CatalogError: the file cannot be read, documents overlap, or a document cannot be
            trained on.

    """
    table = read_group(group, _COLUMNS).combine_chunks()
    names = table["sequence"].combine_chunks().dictionary_encode()
    numbers = names.indices.to_numpy().astype(np.int64)
    begins = table["sequence_start"].to_numpy().astype(np.int64)
    order = np.lexsort((begins, numbers))
    numbers, begins = numbers[order], begins[order]
    rows = table.take(order)
    tokens, bounds = _flat(rows["token_ids"])
    weights, weight_bounds = _flat(rows["loss_weights"])
    lengths = np.diff(bounds)
    if (uneven := lengths != np.diff(weight_bounds)).any():
        raise _bad(group, rows, uneven, "has not as many loss weights as tokens")
    if (empty := lengths == 0).any():
        raise _bad(group, rows, empty, "has no tokens")
    if (long := lengths > longest).any():
        most = f"has {lengths[long][0]} tokens, and the model reads {longest} at most"
        raise _bad(group, rows, long, most)
    # By documents, of which a sum over their tokens is above 0 where one of them is True.
    if (beyond := np.add.reduceat(tokens >= vocabulary, bounds[:-1]) > 0).any():
        raise _bad(group, rows, beyond, f"has token ids beyond the model's {vocabulary}")
    if (odd := np.add.reduceat(~(weights >= 0) | np.isinf(weights), bounds[:-1]) > 0).any():
        raise _bad(group, rows, odd, "has a loss weight that is below 0 or no number")
    firsts = np.flatnonzero(np.diff(numbers, prepend=-1))
    # Where a document was rejected by the commit, the others stand as they stood.
    over = begins + lengths > rows["context"].to_numpy()
    ends = np.append(0, (begins + lengths)[:-1])
    ends[firsts] = 0
    if (torn := (begins < ends) | over).any():
        torn_at = (
            "does not lie behind the document before it in its sequence, or not in its context"
        )
        raise _bad(group, rows, torn, torn_at)
    return Sequences(
        tokens=tokens.astype(np.int32),
        weights=weights.astype(np.float32),
        documents=bounds,
        sequences=np.append(firsts, len(numbers)),
        beginnings=rows["beginning"].to_numpy().astype(np.int64),
        context=int(rows["context"].to_numpy().max()),
    )


def _flat(column: "pa.ChunkedArray[Any]") -> tuple[NDArray[Any], NDArray[np.int64]]:
    """A list column's values, and where in them each row begins, and the end."""
    array: Any = column.combine_chunks()
    offsets = array.offsets.to_numpy().astype(np.int64)
    values = array.values.to_numpy()[offsets[0] : offsets[-1]]
    return values, offsets - offsets[0]


def _bad(
    group: DocumentGroup, rows: pa.Table, which: NDArray[np.bool_], reason: str
) -> CatalogError:
    key = rows["key"][int(np.flatnonzero(which)[0])].as_py()
    return CatalogError(
        f"The document {key} of {group.uri} {reason}. Make the documents again: "
        "calumma assemble CATALOG into a new folder."
    )
