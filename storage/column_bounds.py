"""What the end of a Parquet file tells of a column: the least and the greatest of its values."""

import pyarrow.parquet as pq


def text_bounds(metadata: pq.FileMetaData, column: str) -> set[str]:
    """The least and the greatest text of a column in each row group, without empty ones.

    Where a file has one value throughout, and perhaps empty ones, that is all there is.
    """
    names = [metadata.schema.column(at).path for at in range(metadata.num_columns)]
    place = names.index(column)
    found: set[str] = set()
    for number in range(metadata.num_row_groups):
        statistics = metadata.row_group(number).column(place).statistics
        if statistics is not None and statistics.has_min_max:
            found |= {str(statistics.min), str(statistics.max)}
    return found - {""}
