"""The ids in a file: one a line, or a column of a table, as a catalog's are read."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import CatalogError
from storage.catalog.columns import ColumnNames
from storage.catalog.formats import format_of, read_split
from storage.catalog.opening import open_file
from storage.catalog.plan import plan_pieces
from storage.catalog.split import Split
from storage.digests import DigestFile, merge_digests, sorted_digests
from storage.keys import asset_words

_IDS_AT_ONCE = 100_000
_TABLES = ("parquet", "csv", "jsonl")


def read_id_digests(uri: str) -> DigestFile:
    """Read the ids in a file as sorted digests: 16 bytes each.

    Args:
        uri: Parquet, CSV or JSON lines with a column of ids, named as in catalogs; any other file
            is a text with one id a line.

    Raises:
        CatalogError: it is not there, cannot be read, or holds no id.

    """
    with _faults_told(uri):
        found = merge_digests(
            sorted_digests(words[:, 0], words[:, 1]) for words in map(asset_words, some_ids(uri))
        )
    if not len(found):
        raise _holds_none(uri)
    return found


def read_ids(uri: str) -> list[str]:
    """Read the ids in a file, each once: some 100 bytes of memory each.

    A text may hold none: a list that is written anew each night is empty on some. A table that
    holds none has its ids in some other column.

    Raises:
        CatalogError: it is not there or cannot be read, or is a table without ids.

    """
    with _faults_told(uri):
        found = list(dict.fromkeys(name for some in some_ids(uri) for name in some))
    if not found and format_of(uri) in _TABLES:
        raise _holds_none(uri)
    return found


@contextmanager
def _faults_told(uri: str) -> Iterator[None]:
    """Say of which file it is that it cannot be read."""
    try:
        yield
    except CatalogError:
        raise
    except FileNotFoundError:
        raise CatalogError(f"There is no {uri}.") from None
    except Exception as error:
        # Readers and clients of stores have exceptions of their own.
        raise CatalogError(f"The ids in {uri} cannot be read: {error}") from error


def _holds_none(uri: str) -> CatalogError:
    return CatalogError(
        f"{uri} holds no ids. Write one a line, or a table with a column id or asset_id."
    )


def some_ids(uri: str) -> Iterator[list[str]]:
    """Read the ids in a file, so many at a time; see :func:`read_id_digests`."""
    source = _table_ids(uri) if format_of(uri) in _TABLES else _line_ids(uri)
    some: list[str] = []
    for name in source:
        some.append(name)
        if len(some) == _IDS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _table_ids(uri: str) -> Iterator[str]:
    columns = ColumnNames(pictures_needed=False)
    for piece in plan_pieces(uri, columns, None):
        assert isinstance(piece, Split)
        if piece.problem:
            raise CatalogError(piece.problem)
        for block in read_split(piece, columns):
            yield from (name for name in block.ids if name)


def _line_ids(uri: str) -> Iterator[str]:
    with open_file(uri) as file:
        for number, line in enumerate(file, 1):
            try:
                name = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                raise CatalogError(
                    f"Line {number} of {uri} is not text. Write one id a line, or name a Parquet, "
                    "CSV or JSON lines file by its ending."
                ) from None
            if name:
                yield name
