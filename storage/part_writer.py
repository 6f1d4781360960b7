"""Writing one split's parts, every so many rows or seconds."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.arrow import SCHEMA_VERSION, to_table
from schemas.failure import Failure
from schemas.manifest import Counts
from storage.layout import split_folder
from storage.parts import DONE, FAILED, KEY_DTYPE, RETRY, Part, stage_part
from storage.store import Store

ROWS_PER_PART = 1000
SECONDS_PER_PART = 30.0
PICTURE_BYTES_PER_PART = 128 << 20

_THUMBNAIL_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("key", pa.string()),
    pa.field("jpeg", pa.binary()),
    pa.field("failed", pa.bool_()),
]


class PartWriter:
    """Collects the outcomes of a split's rows, in order, and stages them as parts.

    Args:
        record: the class of the job's output rows.
        version: the project's version, for the files' metadata.
        sample_below: gives the bound for thumbnails at the start of each part.
        clock: seconds, for how long a part may stay unwritten.

    """

    def __init__(
        self,
        *,
        store: Store,
        run_id: str,
        split_id: str,
        attempt: str,
        first: int,
        record: type,
        version: str,
        sample_below: Callable[[], int] = lambda: 1 << 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._split_id = split_id
        self._attempt = attempt
        self._record = record
        self._metadata = file_metadata(run_id, version)
        self._draw_bound = sample_below
        self._questions_sum = 0
        self._clock = clock
        self._first = first
        self._begin()

    @property
    def sample_below(self) -> int:
        """Rows whose key's second word is below this should bring a thumbnail."""
        return self._sample_below

    @property
    def due(self) -> bool:
        """Whether the part is large or old enough to be written."""
        return (
            len(self._keys) >= ROWS_PER_PART
            or self._picture_bytes >= PICTURE_BYTES_PER_PART
            or self._clock() - self._started >= SECONDS_PER_PART
        )

    def add(
        self,
        *,
        position: int,
        identity: tuple[int, int],
        second: int,
        row: Any,
        thumbnail: bytes | None = None,
        picture_bytes: int = 0,
    ) -> None:
        """Add the outcome of one row: an output row or a Failure.

        Args:
            picture_bytes: size of a picture that the row holds.

        """
        self._picture_bytes += picture_bytes
        outcome = DONE
        if isinstance(row, Failure):
            outcome = RETRY if row.retryable else FAILED
            self._failures.append(row)
        else:
            self._rows.append(row)
        self._keys.append((*identity, second, position, outcome))
        if thumbnail is not None:
            self._thumbnails.append((row.key, thumbnail, outcome != DONE))

    def skip(self, count: int, questions_sum: int = 0) -> None:
        """Count rows that were done before, and note which questions were met."""
        self._skipped += count
        self._questions_sum = (self._questions_sum + questions_sum) % (1 << 64)

    def note_unusual_picture(self) -> None:
        """Count a picture that is not of the embedded model's world."""
        self._unusual += 1

    def flush(self, last: int) -> Part | None:
        """Stage what was collected as the part that ends before row ``last``.

        Returns:
            The part, without files where all of its rows were skipped; None if it has no rows.

        """
        if last == self._first:
            return None
        name = f"{self._first:08d}-{last:08d}-{self._attempt}"
        files = {}
        tables = {
            "rows": to_table(self._record, self._rows) if self._rows else None,
            "failures": to_table(Failure, self._failures) if self._failures else None,
            "thumbnails": self._thumbnail_table() if self._thumbnails else None,
        }
        folder = split_folder(self._run_id, self._split_id)
        for content, table in tables.items():
            if table is not None:
                files[content] = f"{folder}/{name}.{content}.parquet"
                self._store.put(files[content], serialize_table(table, self._metadata))
        if self._keys:
            files["keys"] = f"{folder}/{name}.keys"
            self._store.put(files["keys"], np.array(self._keys, dtype=KEY_DTYPE).tobytes())
        part = Part(
            split_id=self._split_id,
            first=self._first,
            last=last,
            attempt=self._attempt,
            counts=Counts(
                rows_in=len(self._keys) + self._skipped,
                rows_out=len(self._rows),
                failed=len(self._failures),
                skipped=self._skipped,
            ),
            failures_by_kind=dict(Counter(failure.kind for failure in self._failures)),
            files=files,
            sample_below=self._sample_below,
            unusual_pictures=self._unusual,
            questions_sum=self._questions_sum,
        )
        if files:
            stage_part(self._store, self._run_id, part)
        self._first = last
        self._begin()
        return part

    def _begin(self) -> None:
        self._rows: list[Any] = []
        self._failures: list[Failure] = []
        self._keys: list[tuple[int, int, int, int, int]] = []
        self._thumbnails: list[tuple[str, bytes, bool]] = []
        self._picture_bytes = 0
        self._skipped = 0
        self._unusual = 0
        self._questions_sum = 0
        self._sample_below = self._draw_bound()
        self._started = self._clock()

    def _thumbnail_table(self) -> pa.Table:
        keys, pictures, failed = zip(*self._thumbnails, strict=True)
        columns = [pa.array(keys), pa.array(pictures, pa.binary()), pa.array(failed)]
        return pa.Table.from_arrays(columns, schema=pa.schema(_THUMBNAIL_FIELDS))


def file_metadata(run_id: str, version: str) -> dict[str, str]:
    """What a file of a table says of itself.

    Args:
        version: of the software that wrote it.

    """
    return {
        "calumma.schema_version": str(SCHEMA_VERSION),
        "calumma.run_id": run_id,
        "calumma.version": version,
    }


def serialize_table(table: pa.Table, metadata: dict[str, str]) -> bytes:
    """Write a table as a Parquet file in memory, with metadata of the file."""
    table = table.replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())
