"""Reading the rows of a part that are to be kept, a few megabytes at a time."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from storage.digests import Flags
from storage.store import Store

_BYTES_AT_ONCE = 16 << 20
_ROWS_AT_ONCE = 8192


def kept_rows(store: Store, path: str, keep: Flags) -> Iterator[pa.RecordBatch]:
    """Read the rows of a Parquet file that are marked, in order.

    Args:
        keep: bool array of shape (rows,).

    """
    with store.open(path) as file:
        opened = pq.ParquetFile(file)
        metadata = opened.metadata
        size = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
        rows = min(_ROWS_AT_ONCE, max(1, _BYTES_AT_ONCE * len(keep) // max(size, 1)))
        start = 0
        for batch in opened.iter_batches(batch_size=rows):
            some = keep[start : start + len(batch)]
            start += len(batch)
            if some.all():
                yield batch
            elif some.any():
                yield batch.filter(pa.array(some))


def schema_of(store: Store, path: str) -> pa.Schema:
    """The schema of a Parquet file, its metadata included."""
    with store.open(path) as file:
        return pq.ParquetFile(file).schema_arrow
