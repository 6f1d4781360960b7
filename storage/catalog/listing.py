"""Folders and globs of pictures: listed into Parquet, which is then read like any catalog.

The listing is cut where a file's name says so (content-defined chunks), so that a picture added
or removed changes one split and leaves the others, and what is staged for them, as they were.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from storage.catalog.opening import content_identity
from storage.catalog.split import CatalogFile, RowRange, Split, split_digest
from storage.filesystems import open_filesystem
from storage.store import Store

PICTURE_SUFFIXES = [
    ".jpg",
    ".jpeg",
    ".jpe",
    ".png",
    ".webp",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
    ".avif",
    ".heic",
    ".heif",
    ".jp2",
    ".jxl",
    ".svg",
    ".psd",
    ".ico",
]
"""What counts as a picture in a folder; those we cannot decode become failures, not silence."""

_SCHEMA = pa.schema([("id", pa.string()), ("uri", pa.string()), ("content_version", pa.string())])
_SPLITS_PER_FILE = 100
_SHORTEST, _LONGEST, _CUT_ONE_IN = 500, 2000, 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPicture:
    """A picture found in a folder; ``name`` is its path below the folder."""

    name: str
    uri: str
    version: str


def is_picture(name: str) -> bool:
    """Whether a file's name says it is a picture."""
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES  # noqa: PTH122


def list_folder(uri: str) -> Iterator[ListedPicture]:
    """Walk a folder in sorted order, one folder's names in memory."""
    filesystem, root = open_filesystem(uri)
    base = uri.rstrip("/")
    if "://" not in uri:
        yield from _walk_local(base, "", ())
        return
    root = root.rstrip("/")
    for folder, _, files in filesystem.walk(root, detail=True):
        for name in sorted(files):
            if is_picture(name):
                path = f"{folder}/{name}"[len(root) + 1 :]
                version = content_identity(files[name])
                yield ListedPicture(name=path, uri=f"{base}/{path}", version=version)


def list_glob(uri: str) -> Iterator[ListedPicture]:
    """List the pictures that match a pattern, named by their path below its fixed part."""
    filesystem, pattern = open_filesystem(uri)
    fixed = _fixed_part(pattern)
    base = uri[: len(uri) - len(pattern)] if uri.endswith(pattern) else ""
    found: dict[str, dict[str, Any]] = filesystem.glob(pattern, detail=True)
    for path in sorted(found):
        if found[path]["type"] == "file" and is_picture(path):
            name = path[len(fixed) :].lstrip("/") or path.rpartition("/")[2]
            version = content_identity(found[path])
            yield ListedPicture(name=name, uri=f"{base}{path}", version=version)


def stage_listing(
    pictures: Iterator[ListedPicture], store: Store, folder: str, limit: int | None
) -> Iterator[Split]:
    """Write a listing to Parquet files of the store, one split a row group, and name the splits."""
    offset = number = 0
    groups: list[list[ListedPicture]] = []
    for chunk in _chunks(pictures, limit):
        groups.append(chunk)
        if len(groups) == _SPLITS_PER_FILE:
            yield from _write(groups, store, f"{folder}/{number:06d}.parquet", offset)
            offset += sum(map(len, groups))
            number, groups = number + 1, []
    if groups:
        yield from _write(groups, store, f"{folder}/{number:06d}.parquet", offset)


def _write(
    groups: list[list[ListedPicture]], store: Store, path: str, offset: int
) -> Iterator[Split]:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, _SCHEMA) as writer:
        for group in groups:
            columns = [
                [picture.name for picture in group],
                [picture.uri for picture in group],
                [picture.version for picture in group],
            ]
            arrays = [pa.array(column, pa.string()) for column in columns]
            writer.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA), row_group_size=1 << 20)
    store.put(path, sink.getvalue().to_pybytes())
    file = CatalogFile(uri=f"{store.uri}/{path}", identity="")
    row = 0
    for group in groups:
        names = [f"{picture.name}\x01{picture.version}" for picture in group]
        yield Split(
            split_id=split_digest("listing", *names),
            offset=offset + row,
            file=file,
            format="listing",
            rows=RowRange(start=row, stop=row + len(group)),
        )
        row += len(group)


def _chunks(pictures: Iterator[ListedPicture], limit: int | None) -> Iterator[list[ListedPicture]]:
    chunk: list[ListedPicture] = []
    for count, picture in enumerate(pictures):
        if limit is not None and count >= limit:
            break
        chunk.append(picture)
        if len(chunk) >= _LONGEST or (len(chunk) >= _SHORTEST and _is_cut(picture.name)):
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _is_cut(name: str) -> bool:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") % _CUT_ONE_IN == 0


def _walk_local(
    base: str, prefix: str, above: tuple[tuple[int, int], ...]
) -> Iterator[ListedPicture]:
    here = os.stat(f"{base}/{prefix}")  # noqa: PTH116
    if (here.st_dev, here.st_ino) in above:
        return  # a link to a folder above: all of it has been walked
    above = (*above, (here.st_dev, here.st_ino))
    with os.scandir(f"{base}/{prefix}") as scan:
        children = sorted(scan, key=lambda child: child.name)
    for child in children:
        name = f"{prefix}{child.name}"
        if child.is_dir():
            yield from _walk_local(base, f"{name}/", above)
        elif is_picture(child.name):
            # A dangling link is a row that fails when it is read, not one that is left out.
            info = child.stat(follow_symlinks=child.is_file())
            version = f"{info.st_size}-{info.st_mtime_ns}"
            yield ListedPicture(name=name, uri=f"{base}/{name}", version=version)


def _fixed_part(pattern: str) -> str:
    wild = min(pattern.find(sign) for sign in "*?[" if sign in pattern)
    return pattern[: pattern.rfind("/", 0, wild) + 1]
