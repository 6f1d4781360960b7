"""The signatures that a job left: which files, of which model, and what is in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from storage.digests import Flags
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
        commits: of each part the number of its commit, at least that of any of its rows.
        dimension: of the vectors; 0 where there are no rows.

    """

    uri: str
    files: tuple[tuple[str, int], ...]
    commits: tuple[int, ...]
    dimension: int
    model: str
    revision: str

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(rows for _, rows in self.files)

    def rows_upto(self, commit: int) -> Flags:
        """Which rows were there after a commit, as far as the parts tell: bool array."""
        rows = [rows for _, rows in self.files]
        return np.repeat(np.array(self.commits, np.int64) <= commit, rows)

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
        (path, one.commit)
        for one in runs
        if (one.model, one.revision) == (newest.model, newest.revision)
        for path in one.files
        if path.startswith(f"{TABLE}/")
    ]
    paths = [path for path, _ in parts]
    rows = for_each(
        open_store(uri), lambda path: int(open_part(uri, path).metadata.num_rows), paths
    )
    dimension = 0
    if paths:
        vectors: Any = open_part(uri, paths[0]).read_row_group(0, columns=["vector"])["vector"]
        dimension = len(vectors[0])
    return SignatureSet(
        uri=uri,
        files=tuple(zip(paths, rows, strict=True)),
        commits=tuple(commit for _, commit in parts),
        dimension=dimension,
        model=newest.model,
        revision=newest.revision,
    )
