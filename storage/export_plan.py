"""What of a table's pictures is to be written beside it and is not yet, part by part.

A part is written once it is committed, by any worker, and then noted: a folder of files says so in
an object a part, and a shard is its own note. So who comes later asks for as many names as there
are parts, not pictures. What was written of a part before it was noted is written again, the same.
"""

import contextlib
import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq

from storage.image_names import NAMED_BY, image_path
from storage.latest import read_history, table_files
from storage.parallel import for_each
from storage.replaced import Replacements
from storage.store import Store, open_store

WRITTEN = "_written"
"""Where a folder of pictures notes the parts that are written to it as a whole."""

# Parts whose rows' names are in memory at the same time.
_PARTS_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFolders:
    """Where a table's pictures go besides; empty for nowhere.

    Attributes:
        images: folder of files, named as :func:`storage.image_names.image_path` says.
        webdataset: folder of tars: a picture, its text and its row as JSON, for each sample.

    """

    images: str = ""
    webdataset: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartToExport:
    """A committed part of a table, and what is to be written of it.

    Attributes:
        path: of the part, relative to the output.
        as_files, as_shard: what is missing of it.
        superseded: a byte for each row, 1 where its file is a later row's by the order of the
            commits; empty where none is.

    """

    path: str
    as_files: bool
    as_shard: bool
    superseded: bytes


def plan_export(out: Store, table: str, folders: PictureFolders) -> list[PartToExport]:
    """Find what is committed and not written yet, of all runs.

    The parts may be written in any order and at the same time: no file is two parts'.
    """
    history = read_history(out)
    paths = [path for _, path in table_files(history.runs, table)]
    files, shards = _unwritten(paths, history.replacements, folders)
    superseded = _superseded(out, table, paths, files)
    return [
        PartToExport(
            path=path,
            as_files=path in files,
            as_shard=path in shards,
            superseded=superseded.get(path, b""),
        )
        for path in paths
        if path in files or path in shards
    ]


def count_unwritten(out: Store, table: str, folders: PictureFolders) -> int:
    """How many parts are not, or not as a whole, where they are to be."""
    if folders == PictureFolders():
        return 0
    history = read_history(out)
    paths = [path for _, path in table_files(history.runs, table)]
    files, shards = _unwritten(paths, history.replacements, folders)
    return len(files | shards)


def note_path(part: str) -> str:
    """What says in a folder of files that a part is written."""
    return f"{WRITTEN}/{_name_of(part)}.json"


def shard_path(part: str) -> str:
    """A part in a folder of shards."""
    return f"{_name_of(part)}.tar"


def _name_of(part: str) -> str:
    """A part's name, the same in every folder: its run's id and its own name there."""
    _, run, name = part.split("/")
    return f"{run.partition('=')[2]}-{name.removeprefix('part-').removesuffix('.parquet')}"


def _unwritten(
    paths: Sequence[str], replaced: Replacements, folders: PictureFolders
) -> tuple[set[str], set[str]]:
    """The parts that are missing as files, and as shards.

    Of a part that was compacted, or lost rows, nothing is missing if its sources were written.
    """
    files: set[str] = set()
    shards: set[str] = set()
    if folders.images:
        noted = {entry.path for entry in open_store(folders.images).entries(WRITTEN)}
        files = {
            path
            for path in paths
            if not replaced.is_covered(path, lambda part: note_path(part) in noted)
        }
    if folders.webdataset:
        there = {entry.path for entry in open_store(folders.webdataset).entries("")}
        shards = {
            path
            for path in paths
            if not replaced.is_covered(path, lambda part: shard_path(part) in there)
        }
    return files, shards


def _superseded(out: Store, table: str, paths: Sequence[str], wanted: set[str]) -> dict[str, bytes]:
    """Rows of the parts that are wanted whose files have the names of later rows' files.

    Names are kept on disk, a few bytes each. Parts before the first one wanted are not looked at.
    """
    first = next((place for place, path in enumerate(paths) if path in wanted), len(paths))
    found: dict[str, bytes] = {}
    with (
        tempfile.TemporaryDirectory(prefix="calumma-names-") as folder,
        contextlib.closing(sqlite3.connect(f"{folder}/names.sqlite")) as names,
    ):
        names.execute("PRAGMA journal_mode=OFF")
        names.execute("PRAGMA synchronous=OFF")
        names.execute("CREATE TABLE taken (name BLOB PRIMARY KEY) WITHOUT ROWID")
        for path, digests in _digests(out, table, paths[first:][::-1]):
            rows = bytes(not _take(names, digest) for digest in reversed(digests))[::-1]
            if any(rows) and path in wanted:
                found[path] = rows
    return found


def _take(names: sqlite3.Connection, digest: bytes) -> bool:
    """Take a name; whether it was free."""
    return names.execute("INSERT OR IGNORE INTO taken VALUES (?)", (digest,)).rowcount == 1


def _digests(out: Store, table: str, paths: Sequence[str]) -> Iterator[tuple[str, list[bytes]]]:
    """The digests of the names of each part's files, in the order of its rows."""

    def read(path: str) -> list[bytes]:
        with out.open(path) as file:
            rows = pq.ParquetFile(file).read(columns=list(NAMED_BY[table])).to_pylist()
        return [
            hashlib.blake2b(image_path(table, row).encode(), digest_size=16).digest()
            for row in rows
        ]

    for start in range(0, len(paths), _PARTS_AT_ONCE):
        some = paths[start : start + _PARTS_AT_ONCE]
        yield from zip(some, for_each(out, read, some), strict=True)
