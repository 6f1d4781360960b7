"""The training documents that jobs left in an output: their files, and the row groups of these."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from schemas.errors import CatalogError
from storage.catalog.parquet import open_parquet
from storage.column_bounds import bounds_of, texts_of
from storage.committed import CommittedRuns, find_committed
from storage.latest import read_manifests
from storage.store import open_store

TABLE = "documents"

_FILES_AT_ONCE = 16
_LENGTH = "length"
_TOKENIZER = "tokenizer_hash"
_SEQUENCE = "sequence"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentGroup:
    """A row group of documents: what is read at once. A sequence's documents share one.

    Attributes:
        uri: of the file; ``path``: the same, relative to the output.
        number: of the row group in the file.
        rows: how many documents it holds.
        longest: tokens of the longest of them; 0 where the file does not say so.
        tokenizers: hashes of what made the codes of their pictures.

    """

    uri: str
    path: str
    number: int
    rows: int
    longest: int
    tokenizers: frozenset[str] = frozenset()


def find_documents(uri: str) -> CommittedRuns:
    """Find the committed documents of an output; their files are not opened.

    Raises:
        CatalogError: there are none, the last commit was interrupted while its files were moved,
            or files that were committed are gone.

    """
    others = sorted({one.table for one in read_manifests(open_store(uri))} - {TABLE})
    instead = f" It holds {', '.join(others)}." if others else ""
    missing = f"{uri} holds no documents.{instead} Make some: calumma assemble CATALOG {uri}."
    return find_committed(uri, TABLE, missing=missing)


def document_groups(found: CommittedRuns) -> list[DocumentGroup]:
    """The row groups of files, in the order of the commits; the files' ends are read.

    Raises:
        CatalogError: a file cannot be read.

    """
    base = found.uri.rstrip("/")
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        ends = pool.map(lambda path: _groups_of(f"{base}/{path}", path), found.paths)
        return [group for groups in ends for group in groups]


def count_sequences(groups: Sequence[DocumentGroup]) -> int:
    """Count the sequences of row groups; one small column of each is read.

    Raises:
        CatalogError: a file cannot be read.

    """

    def count(group: DocumentGroup) -> int:
        return len(read_group(group, [_SEQUENCE]).column(0).unique())

    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        return sum(pool.map(count, groups))


def read_group(group: DocumentGroup, columns: Sequence[str]) -> pa.Table:
    """Read some columns of a row group.

    Raises:
        CatalogError: the file cannot be read.

    """
    try:
        with open_parquet(group.uri) as file:
            return file.read_row_group(group.number, columns=list(columns))
    except (OSError, pa.ArrowException, IndexError) as error:
        raise unreadable(group.uri, error) from error


def unreadable(uri: str, error: Exception) -> CatalogError:
    """The error of a file that cannot be read."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return CatalogError(
        f"{uri} cannot be read: {reason}. Copy it again, and run the same command again to go on."
    )


def _groups_of(uri: str, path: str) -> list[DocumentGroup]:
    try:
        with open_parquet(uri) as file:
            metadata = file.metadata
            return [
                DocumentGroup(
                    uri=uri,
                    path=path,
                    number=number,
                    rows=metadata.row_group(number).num_rows,
                    longest=int((bounds_of(metadata, number, _LENGTH) or (0, 0))[1]),
                    tokenizers=texts_of(metadata, number, _TOKENIZER),
                )
                for number in range(metadata.num_row_groups)
            ]
    except (OSError, pa.ArrowException, ValueError) as error:
        raise unreadable(uri, error) from error
