"""Opening a catalog's files."""

import io
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from fsspec.utils import infer_compression

from schemas.errors import CatalogError
from storage.catalog.split import CatalogFile
from storage.filesystems import open_filesystem

_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".tgz")


def file_name(uri: str) -> str:
    """The name of a file in lower case, without its folder and a web address's query."""
    path = uri.partition("?")[0] if uri.lower().startswith("http") else uri
    return path.rpartition("/")[2].lower()


def is_compressed(uri: str) -> bool:
    """Whether the file can only be read from its beginning."""
    return file_name(uri).endswith(_COMPRESSED)


def open_file(uri: str) -> BinaryIO:
    """Open a file for reading, decompressed if its name says it is compressed."""
    filesystem, path = open_filesystem(uri)
    compression = infer_compression(file_name(uri))
    file = cast("BinaryIO", filesystem.open(path, mode="rb", compression=compression))
    if compression is None and not _is_local(filesystem):
        return io.BufferedReader(cast("io.RawIOBase", file), buffer_size=1 << 20)
    return file


def check_seekable(uri: str) -> None:
    """Check that a web server gives out parts of a file, as reading it in splits needs.

    Raises:
        CatalogError: it does not.

    """
    if not uri.startswith("http") or is_compressed(uri):
        return
    filesystem, path = open_filesystem(uri)
    try:
        with filesystem.open(path, mode="rb") as file:
            file.seek(1)
            file.read(1)
    except ValueError as error:
        raise CatalogError(
            f"The server of {uri} gives it out as a whole only, and a catalog is read in parts. "
            "Download it, and name the file."
        ) from error


def local_path(uri: str) -> str | None:
    """The path of a local file, None for any other."""
    filesystem, path = open_filesystem(uri)
    return path if _is_local(filesystem) else None


def describe_file(uri: str) -> CatalogFile:
    """Ask a file's store for what identifies its content.

    Raises:
        FileNotFoundError: there is no such file.

    """
    filesystem, path = open_filesystem(uri)
    # As it is now, not as it was when its folder was listed.
    filesystem.invalidate_cache(path)
    return CatalogFile(uri=uri, identity=content_identity(filesystem.info(path)))


def content_identity(info: Mapping[str, Any]) -> str:
    """What identifies a stored object's content: its etag, else its size and modification time."""
    for name in ("ETag", "etag", "md5Hash", "content_md5", "blob_id"):
        if info.get(name):
            return str(info[name]).strip('"')
    moment = next(
        (
            info[name]
            for name in ("mtime", "LastModified", "updated", "last_modified")
            if name in info
        ),
        "",
    )
    return f"{info.get('size')}-{moment}"


def _is_local(filesystem: Any) -> bool:
    protocol = filesystem.protocol
    return "file" in (protocol if isinstance(protocol, tuple) else (protocol,))
