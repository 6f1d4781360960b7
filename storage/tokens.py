"""The codes that tokenizing jobs left in an output: which files, of which model, how framed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from schemas.errors import CatalogError
from storage.catalog.parquet import open_parquet
from storage.catalog.plan import plan_files
from storage.catalog.split import CatalogFile, Split
from storage.column_bounds import texts_of
from storage.committed import CommittedRuns, find_committed

TABLE = "tokens"

_FILES_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChoice:
    """Which of an output's codes are meant.

    Attributes:
        model: those of this model, if there are any, else all; ``revision``: and of this revision.
        upto: number of the last commit to look at.

    """

    model: str
    revision: str
    upto: int


def find_tokens(uri: str, upto: int | None = None) -> CommittedRuns:
    """Find the committed codes of an output; their files are not opened.

    Args:
        uri: the output.
        upto: number of the last commit to look at; None for all.

    Raises:
        CatalogError: there are none, the last commit was interrupted while its files were moved,
            or files that were committed are gone.

    """
    missing = f"{uri} holds no codes of pictures. Make some: calumma tokenize CATALOG {uri}."
    return find_committed(uri, TABLE, missing=missing, upto=upto)


def tokenizer_hashes(runs: CommittedRuns) -> set[str]:
    """The hashes of the tokenizers that made codes, as far as the ends of the files tell.

    Raises:
        CatalogError: a file cannot be read.

    """
    base = runs.uri.rstrip("/")
    found: set[str] = set()
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        for some in pool.map(_hashes_in, [f"{base}/{path}" for path in runs.paths]):
            found |= some
    return found


def _hashes_in(uri: str) -> set[str]:
    try:
        with open_parquet(uri) as file:
            metadata = file.metadata
            groups = range(metadata.num_row_groups)
            return {one for at in groups for one in texts_of(metadata, at, "tokenizer_hash")}
    except (OSError, pa.ArrowException) as error:
        raise CatalogError(f"{uri} cannot be read: {error}") from error


def plan_tokens(uri: str, choice: TokenChoice, limit: int | None) -> Iterator[Split]:
    """Cut an output's codes into splits, in the order of their commits."""
    runs = find_tokens(uri, choice.upto).of(choice.model, choice.revision)
    base = uri.rstrip("/")
    # No identity: what is published never changes, and to ask for it costs a request a window.
    files = (CatalogFile(uri=f"{base}/{path}", identity="", name=path) for path in runs.paths)
    yield from plan_files(files, TABLE, limit)
