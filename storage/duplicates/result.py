"""From clusters to what is told of them: which picture of each is kept, a table, a keep-list."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.arrow import arrow_schema
from schemas.duplicate import Duplicate, Why
from storage.digests import DigestFile, Flags, sorted_digests
from storage.duplicates.clusters import differences_of, similarities
from storage.duplicates.components import Rows
from storage.duplicates.pictures import Pictures
from storage.duplicates.table import SignatureSet

_ROWS_PER_FILE = 1_000_000
_PAIRS_AT_ONCE = 8192
# In this order the first of a cluster is kept: most pixels, most bytes, smallest id.
_Order = list[tuple[str, Literal["ascending", "descending"]]]
_ORDER: _Order = [
    ("root", "ascending"),
    ("area", "descending"),
    ("encoded_bytes", "descending"),
    ("asset_id", "ascending"),
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """What was found.

    Attributes:
        table: a row for each picture of a cluster of two or more: see
            :class:`schemas.duplicate.Duplicate`.
        clusters: how many there are.
        left_out: how many pictures are not kept, by what they are like.
        keep: the assets to keep, by the words of their hashed ids.

    """

    table: pa.Table
    clusters: int
    left_out: dict[str, int]
    keep: DigestFile

    def files(self) -> Iterator[pa.Table]:
        """The table in pieces, one at least."""
        for start in range(0, max(len(self.table), 1), _ROWS_PER_FILE):
            yield self.table.slice(start, _ROWS_PER_FILE)


def make_result(signatures: SignatureSet, pictures: Pictures, roots: Rows) -> Result:
    """Choose what is kept, and say of the others how like they are to it.

    Of a cluster the picture of the most pixels is kept, of those that with the most bytes, and of
    those the one whose id is the smallest, byte by byte. Memory is what ids and uris of the
    clusters' pictures take, and some 60 bytes each; pictures that stand alone take none.

    Args:
        roots: the first row of each row's cluster.

    """
    sizes = np.bincount(roots[pictures.newest], minlength=len(roots))
    clustered = np.zeros(len(roots), bool)
    clustered[pictures.newest] = sizes[roots[pictures.newest]] > 1
    rows = _rows_of_clusters(signatures, roots, clustered).sort_by(_ORDER)
    numbers: Rows = rows["row"].to_numpy().astype(np.int32)
    begins = np.ones(len(numbers), bool)
    begins[1:] = roots[numbers[1:]] != roots[numbers[:-1]]
    leaders = np.maximum.accumulate(np.where(begins, np.arange(len(numbers)), 0))
    kept = np.zeros(len(roots), bool)
    kept[pictures.newest] = True
    kept[numbers[~begins]] = False
    likeness = _likeness(pictures, numbers, numbers[leaders], begins)
    columns: dict[str, Any] = {
        "asset_id": rows["asset_id"],
        "uri": rows["uri"],
        "kept_id": rows["asset_id"].take(leaders),
        "kept": pa.array(begins),
        **likeness,
        "cluster_size": pa.array(sizes[roots[numbers]], pa.int32()),
    }
    table = pa.table(columns, schema=arrow_schema(Duplicate))
    order: _Order = [("kept_id", "ascending"), ("kept", "descending"), ("asset_id", "ascending")]
    return Result(
        table=table.sort_by(order),
        clusters=int(begins.sum()),
        left_out={
            why.value: int((likeness["why"] == why.value).sum())
            for why in (Why.BYTES, Why.PIXELS, Why.NEAR)
        },
        keep=sorted_digests(*pictures.identity[kept].T),
    )


def _rows_of_clusters(signatures: SignatureSet, roots: Rows, clustered: Flags) -> pa.Table:
    """What the choice is made by: a table of the rows that are marked."""
    found = []
    columns = ("asset_id", "uri", "width", "height", "encoded_bytes")
    for first, rows in signatures.read(columns):
        chosen = np.flatnonzero(clustered[first : first + len(rows)])
        if not len(chosen):
            continue
        some = rows.take(chosen)
        area = pc.multiply(some["width"].cast(pa.int64()), some["height"].cast(pa.int64()))
        added: tuple[tuple[str, Any], ...] = (
            ("area", area),
            ("row", pa.array(chosen + first)),
            ("root", pa.array(roots[chosen + first])),
        )
        for name, values in added:
            some = some.append_column(name, values)
        found.append(some)
    if found:
        return pa.concat_tables(found)
    names = (*columns, "area", "row", "root")
    kinds = (pa.string(), pa.string(), *(pa.int64() for _ in names[2:]))
    return pa.table({name: pa.array([], kind) for name, kind in zip(names, kinds, strict=True)})


def _likeness(
    pictures: Pictures, rows: Rows, keepers: Rows, begins: Flags
) -> dict[str, NDArray[Any]]:
    """In what and how far rows are like those that are kept: columns of the table."""
    content = (pictures.content[rows] == pictures.content[keepers]).all(axis=1)
    pixels = (pictures.pixels[rows] == pictures.pixels[keepers]).all(axis=1)
    names = np.array([Why.KEPT.value, Why.BYTES.value, Why.PIXELS.value, Why.NEAR.value])
    why = np.select([begins, content, pixels], [0, 1, 2], 3)
    difference = np.zeros(len(rows), np.float32)
    similarity = np.ones(len(rows), np.float32)
    near: NDArray[np.int64] = np.flatnonzero(why == 3)
    for start in range(0, len(near), _PAIRS_AT_ONCE):
        some = near[start : start + _PAIRS_AT_ONCE]
        difference[some] = differences_of(pictures, rows[some], keepers[some])
        similarity[some] = similarities(pictures, rows[some], keepers[some])
    return {
        "why": names[why],
        "difference": difference,
        "similarity": similarity,
    }
