"""Folders and globs of pictures: listed into Parquet, which is then read like any catalog.

The listing is cut where a file's name says so (content-defined chunks), so that a picture added
or removed changes one split and leaves the others, and what is staged for them, as they were.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.utils import glob_translate

from storage.catalog.columns import plain_text
from storage.catalog.opening import content_identity, local_path
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
    if local_path(uri) is not None:
        yield from _walk_local(root, f"{base}/", None)
        return
    root = root.rstrip("/")
    for path, info in _walk_remote(filesystem, root, None):
        name = path[len(root) + 1 :]
        yield _listed(name, f"{base}/{name}", content_identity(info))


def list_glob(uri: str) -> Iterator[ListedPicture]:
    """List the pictures that match a pattern, named by their path below its fixed part."""
    filesystem, pattern = open_filesystem(uri)
    fixed = fixed_part(pattern)
    base = uri[: len(uri) - len(pattern)] if uri.endswith(pattern) else ""
    rest = pattern[len(fixed) :]
    matches = re.compile(glob_translate(rest)).match
    depth = None if "**" in rest else rest.count("/") + 1
    # Not fsspec's glob, which follows links in a circle and holds all that it finds.
    if local_path(uri) is not None:
        for picture in _walk_local(fixed or ".", f"{base}{fixed}", depth):
            if matches(picture.name):
                yield picture
        return
    for path, info in _walk_remote(filesystem, fixed.rstrip("/"), depth):
        if matches(path[len(fixed) :]):
            yield _listed(path[len(fixed) :], f"{base}{path}", content_identity(info))


def fixed_part(pattern: str) -> str:
    """The folder that a glob starts from, with a slash at its end; empty for the current one."""
    wild = min(pattern.find(sign) for sign in "*?[" if sign in pattern)
    return pattern[: pattern.rfind("/", 0, wild) + 1]


def stage_listing(
    pictures: Iterator[ListedPicture], store: Store, folder: str, limit: int | None
) -> Iterator[Split]:
    """Write a listing to Parquet files of the store, one split a row group, and name the splits."""
    offset = 0
    groups: list[list[ListedPicture]] = []
    for chunk in cut_listing(pictures, limit):
        groups.append(chunk)
        if len(groups) == _SPLITS_PER_FILE:
            yield from _write(groups, store, folder, offset)
            offset += sum(map(len, groups))
            groups = []
    if groups:
        yield from _write(groups, store, folder, offset)


def cut_listing(
    pictures: Iterator[ListedPicture], limit: int | None
) -> Iterator[list[ListedPicture]]:
    """Cut a listing where a file's name says so, into runs of 500 to 2,000 pictures."""
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


def _write(
    groups: list[list[ListedPicture]], store: Store, folder: str, offset: int
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
    content = sink.getvalue().to_pybytes()
    # Named by its content: a worker of a launcher thought dead may still read its own listing.
    path = f"{folder}/{hashlib.blake2b(content, digest_size=8).hexdigest()}.parquet"
    store.put(path, content)
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


def _is_cut(name: str) -> bool:
    digest = hashlib.blake2b(name.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % _CUT_ONE_IN == 0


def _walk_remote(
    filesystem: Any, root: str, depth: int | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk a store's folder so many folders deep.

    Not fsspec's walk, which leaves out what it cannot list.
    """
    folders = [(root, 1)]
    while folders:
        folder, level = folders.pop()
        try:
            children = filesystem.ls(folder, detail=True)
        except FileNotFoundError:
            continue  # gone since the folder above was listed
        # Else the names of all folders would be kept.
        filesystem.invalidate_cache(folder)
        below = []
        for info in sorted(children, key=lambda info: str(info["name"])):
            name = info["name"].rstrip("/")
            if info["type"] == "directory" and name != folder:
                if depth is None or level < depth:
                    below.append((name, level + 1))
            elif info["type"] != "directory" and is_picture(name):
                yield name, info
        folders.extend(reversed(below))


def _walk_local(root: str, base: str, depth: int | None) -> Iterator[ListedPicture]:
    """Walk a local folder so many folders deep, without recursion: a tree may be deep.

    Args:
        base: what the pictures' uris begin with.

    """
    folders = [_Folder(root, "")]
    while folders:
        folder = folders[-1]
        child = next(folder.children, None)
        if child is None:
            folders.pop()
            continue
        name = f"{folder.prefix}{child.name}"
        if _is_folder(child):
            # A link to a folder above is left out: all of that has been walked.
            if depth is None or len(folders) < depth:
                with contextlib.suppress(FileNotFoundError):
                    below = _Folder(root, f"{name}/")
                    if all(below.identity != above.identity for above in folders):
                        folders.append(below)
        elif is_picture(child.name) and (info := _status(child)) is not None:
            yield _listed(name, f"{base}{name}", f"{info.st_size}-{info.st_mtime_ns}")


class _Folder:
    """A folder that is being walked: what is left of its children, and which one it is."""

    def __init__(self, root: str, prefix: str) -> None:
        self.prefix = prefix
        path = os.path.join(root, prefix)  # noqa: PTH118
        info = os.stat(path)  # noqa: PTH116
        self.identity = (info.st_dev, info.st_ino)
        with os.scandir(path) as scan:
            self.children = iter(sorted(scan, key=lambda child: child.name))


def _is_folder(child: "os.DirEntry[str]") -> bool:
    with contextlib.suppress(OSError):  # a link to itself
        return child.is_dir()
    return False


def _status(child: "os.DirEntry[str]") -> os.stat_result | None:
    """What is known of a file; None if it is gone since its folder was read.

    A dangling link is a row that fails when it is read, not one that is left out.
    """
    for follow in (True, False):
        with contextlib.suppress(OSError):
            return child.stat(follow_symlinks=follow)
    return None


def _listed(name: str, uri: str, version: str) -> ListedPicture:
    return ListedPicture(name=plain_text(name), uri=plain_text(uri), version=version)
