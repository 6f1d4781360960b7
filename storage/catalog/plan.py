"""Finding a catalog's files and cutting them into splits."""

import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from schemas.errors import CatalogError
from storage.catalog.columns import ColumnNames
from storage.catalog.formats import FORMATS, SUFFIXES, format_of
from storage.catalog.listing import (
    ListedPicture,
    is_picture,
    list_folder,
    list_glob,
    stage_listing,
)
from storage.catalog.opening import content_identity, describe_file
from storage.catalog.split import CatalogFile, RowRange, Split, split_digest
from storage.filesystems import open_filesystem
from storage.store import Store

_FILES_AT_ONCE = 16
_SHARD_FORMATS = ("parquet", "tar")


def check_catalog(uri: str, columns: ColumnNames) -> None:
    """Look at the catalog's first file, so that a wrong name or column is said before a run.

    Raises:
        CatalogError: nothing is there, or the first file cannot serve as a catalog.

    """
    files = _find_files(uri)
    if files is None:
        if next(_find_pictures(uri), None) is None:
            raise CatalogError(f"{uri} holds no pictures and no catalog files ({_known()}).")
        return
    first = next(iter(files), None)
    if first is None:
        raise CatalogError(f"{uri} matches no file.")
    try:
        FORMATS[_format(first)].check(first, columns)
    except CatalogError:
        raise
    except Exception as error:
        raise CatalogError(f"{first.uri} cannot be read as {_format(first)}: {error}") from error


def plan_splits(
    uri: str, columns: ColumnNames, limit: int | None, store: Store, listing: str
) -> Iterator[Split]:
    """Cut a catalog into splits, in the catalog's order.

    Args:
        uri: a file, folder or glob.
        columns: names the user gave.
        limit: take only so many rows from the catalog's beginning.
        store: where the listing of a folder of pictures is kept.
        listing: the folder in it.

    """
    files = _find_files(uri)
    if files is None:
        yield from stage_listing(_find_pictures(uri), store, listing, limit)
        return
    offset = 0
    for split in _plan_files(files, columns):
        if limit is not None and offset >= limit:
            return
        kept = split
        if limit is not None and offset + split.row_count > limit:
            rows = replace(split.rows, stop=split.rows.start + limit - offset)
            kept = replace(split, rows=rows, split_id=split_digest(split.split_id, rows.stop))
        yield replace(kept, offset=offset)
        offset += kept.row_count


def _plan_files(files: Iterable[CatalogFile], columns: ColumnNames) -> Iterator[Split]:
    def plan_file(file: CatalogFile) -> list[Split]:
        name = _format(file)
        try:
            ranges = list(FORMATS[name].plan(file, columns))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is one failed row
            problem = f"{file.uri} cannot be read as {name}: {str(error) or type(error).__name__}"
            return [_split(file, name, RowRange(start=0, stop=1), problem)]
        return [_split(file, name, rows, "") for rows in ranges]

    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        # Batches, because an executor's map would start on all files of the catalog at once.
        remaining = iter(files)
        while batch := list(itertools.islice(remaining, _FILES_AT_ONCE * 4)):
            for splits in pool.map(plan_file, batch):
                yield from splits


def _split(file: CatalogFile, format_: str, rows: RowRange, problem: str) -> Split:
    digest = split_digest(file.uri, file.identity, rows.start, rows.stop, problem)
    return Split(split_id=digest, offset=0, file=file, format=format_, rows=rows, problem=problem)


def _find_files(uri: str) -> Iterable[CatalogFile] | None:
    """The catalog files behind a uri, sorted; None if it is a folder or glob of pictures."""
    filesystem, path = open_filesystem(uri)
    if _is_glob(uri):
        if format_of(uri) is None and is_picture(uri):
            return None
        found: dict[str, dict[str, Any]] = filesystem.glob(path, detail=True)
        base = uri[: len(uri) - len(path)] if uri.endswith(path) else ""
        shards = [name for name in sorted(found) if format_of(name)]
        if not shards:
            return None
        return [
            CatalogFile(uri=f"{base}{name}", identity=content_identity(found[name]))
            for name in shards
        ]
    if "://" in uri and uri.startswith("http"):
        return [describe_file(uri)]
    try:
        is_folder = filesystem.isdir(path)
    except OSError as error:
        raise CatalogError(f"{uri} cannot be read: {error}") from error
    if is_folder:
        return _shards_of(uri)
    if format_of(uri) is None and is_picture(uri):
        raise CatalogError(f"{uri} is one picture. Name the folder it is in, or a glob in quotes.")
    try:
        return [describe_file(uri)]
    except FileNotFoundError:
        raise CatalogError(f"There is no {uri}.") from None


def _shards_of(uri: str) -> list[CatalogFile] | None:
    """The Parquet or tar files of a folder, if that is what it holds."""
    filesystem, path = open_filesystem(uri)
    base = uri.rstrip("/")
    root = path.rstrip("/")
    pattern = [f"{root}/*", f"{root}/*/*"]
    for depth in pattern:
        found: dict[str, dict[str, Any]] = {
            name: info
            for name, info in filesystem.glob(depth, detail=True).items()
            if format_of(name) in _SHARD_FORMATS
        }
        if found:
            return [
                CatalogFile(
                    uri=f"{base}{name[len(root) :]}", identity=content_identity(found[name])
                )
                for name in sorted(found)
            ]
    return None


def _find_pictures(uri: str) -> Iterator[ListedPicture]:
    return list_glob(uri) if _is_glob(uri) else list_folder(uri)


def _format(file: CatalogFile) -> str:
    name = format_of(file.uri)
    if name is None:
        raise CatalogError(f"{file.uri} is not a catalog: its name ends in none of {_known()}.")
    return name


def _known() -> str:
    return ", ".join(SUFFIXES)


def _is_glob(uri: str) -> bool:
    signs = "*[" if uri.startswith("http") else "*?["
    return any(sign in uri for sign in signs)
