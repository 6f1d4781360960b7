"""What the end of a Parquet file tells of a column: the least and the greatest of its values."""

from typing import Any

import pyarrow.parquet as pq


def bounds_of(metadata: pq.FileMetaData, group: int, column: str) -> tuple[Any, Any] | None:
    """The least and the greatest value of a column in a row group; None where it is not told."""
    names = [metadata.schema.column(at).path for at in range(metadata.num_columns)]
    statistics = metadata.row_group(group).column(names.index(column)).statistics
    if statistics is None or not statistics.has_min_max:
        return None
    return statistics.min, statistics.max


def texts_of(metadata: pq.FileMetaData, group: int, column: str) -> frozenset[str]:
    """The least and the greatest text of a column in a row group, without an empty one.

    Where it has one value throughout, and perhaps empty ones, that is all there is.
    """
    return frozenset(bounds_of(metadata, group, column) or ()) - {""}
