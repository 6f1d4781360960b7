"""Reading the rows of a part that are to be kept, a few megabytes at a time."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from storage.digests import Flags
from storage.store import Store

_BYTES_AT_ONCE = 16 << 20
_ROWS_AT_ONCE = 8192


def kept_rows(
    store: Store, path: str, keep: Flags, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Read the rows of a Parquet file that are marked, in order.

    Args:
        keep: bool array of shape (rows,).
        columns: those to read, of which the file may lack some; None for all.

    """
    with store.open(path) as file:
        opened = pq.ParquetFile(file)
        names = None
        if columns is not None:
            names = [name for name in columns if name in opened.schema_arrow.names]
        size = size_of(opened.metadata, names)
        rows = min(_ROWS_AT_ONCE, max(1, _BYTES_AT_ONCE * len(keep) // max(size, 1)))
        start = 0
        for batch in opened.iter_batches(batch_size=rows, columns=names):
            some = keep[start : start + len(batch)]
            start += len(batch)
            if some.all():
                yield batch
            elif some.any():
                yield batch.filter(pa.array(some))


def size_of(metadata: pq.FileMetaData, columns: Sequence[str] | None) -> int:
    """Bytes that a Parquet file's rows take uncompressed, or some columns of them."""
    chunks = (
        metadata.row_group(at).column(place)
        for at in range(metadata.num_row_groups)
        for place in range(metadata.num_columns)
    )
    return sum(
        int(chunk.total_uncompressed_size)
        for chunk in chunks
        if columns is None or chunk.path_in_schema.partition(".")[0] in columns
    )


def schema_of(store: Store, path: str) -> pa.Schema:
    """The schema of a Parquet file, its metadata included."""
    with store.open(path) as file:
        return pq.ParquetFile(file).schema_arrow
