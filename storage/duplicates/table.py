"""The signatures that a job left: which files, of which model, and what is in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from storage.embeddings import open_part
from storage.latest import read_manifests
from storage.parallel import for_each
from storage.store import open_store

TABLE = "signatures"
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureSet:
    """The signatures of one model in an output.

    Attributes:
        uri: the output.
        files: parts with their rows, in the order of their commits: of two rows of an asset, the
            later one counts.
        dimension: of the vectors; 0 where there are no rows.

    """

    uri: str
    files: tuple[tuple[str, int], ...]
    dimension: int
    model: str
    revision: str

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(rows for _, rows in self.files)

    def read(self, columns: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
        """Read some columns, a few thousand rows at a time, with the number of the first."""
        first = 0
        for path, _ in self.files:
            part = open_part(self.uri, path)
            for batch in part.iter_batches(batch_size=_ROWS_AT_ONCE, columns=list(columns)):
                yield first, pa.Table.from_batches([batch])
                first += len(batch)


def find_signatures(uri: str, upto: int) -> SignatureSet:
    """Find the signatures of the newest job of an output that made any.

    Args:
        uri: the output.
        upto: number of the last commit to look at; there must be such a job up to there.

    """
    runs = sorted(
        (
            one
            for one in read_manifests(open_store(uri))
            if one.table == TABLE and one.commit <= upto
        ),
        key=lambda one: one.commit,
    )
    newest = runs[-1]
    parts = [
        path
        for one in runs
        if (one.model, one.revision) == (newest.model, newest.revision)
        for path in one.files
        if path.startswith(f"{TABLE}/")
    ]
    rows = for_each(
        open_store(uri), lambda path: int(open_part(uri, path).metadata.num_rows), parts
    )
    dimension = 0
    if parts:
        vectors: Any = open_part(uri, parts[0]).read_row_group(0, columns=["vector"])["vector"]
        dimension = len(vectors[0])
    return SignatureSet(
        uri=uri,
        files=tuple(zip(parts, rows, strict=True)),
        dimension=dimension,
        model=newest.model,
        revision=newest.revision,
    )
