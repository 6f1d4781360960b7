"""Pictures that lie inside other files: how a uri says where."""

import re
from typing import NamedTuple


class Member(NamedTuple):
    """A run of bytes of a file, as a tar's member is.

    Attributes:
        file: uri of the file.
        start: the first byte.
        size: bytes.

    """

    file: str
    start: int
    size: int


class Cell(NamedTuple):
    """A value of a Parquet file.

    Attributes:
        file: uri of the file.
        column: its name.
        row: counted from the file's first, which is 0.

    """

    file: str
    column: str
    row: int


_MEMBER = re.compile(r"(.+\.tar)#.*@(\d{1,18})\+(\d{1,18})", re.DOTALL | re.IGNORECASE)
_STREAM = re.compile(r".+\.(?:tar\.(?:gz|bz2|xz|zst)|tgz)#.+", re.DOTALL | re.IGNORECASE)
_CELL = re.compile(r"(.+\.(?:parquet|pq))#(.+)\[(\d{1,18})\]", re.DOTALL | re.IGNORECASE)


def member_uri(file: str, name: str, start: int, size: int) -> str:
    """Say where a tar's member lies; the name is for people."""
    return f"{file}#{name}@{start}+{size}"


def cell_uri(file: str, column: str, row: int) -> str:
    """Say where a Parquet file's value lies."""
    return f"{file}#{column}[{row}]"


def lies_in_stream(uri: str) -> bool:
    """Whether a uri is of a member of a compressed tar, which is read from its beginning only."""
    return bool(_STREAM.fullmatch(uri))


def place_inside(uri: str) -> Member | Cell | None:
    """Where a uri of :func:`member_uri` or :func:`cell_uri` leads; None for any other."""
    if found := _MEMBER.fullmatch(uri):
        return Member(found[1], int(found[2]), int(found[3]))
    if found := _CELL.fullmatch(uri):
        return Cell(found[1], found[2], int(found[3]))
    return None
