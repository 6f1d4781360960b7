"""Finding a catalog's files and cutting them into splits."""

import itertools
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from schemas.asset import Asset
from schemas.errors import CatalogError
from storage.catalog.coco import plan_pieces as coco_pieces
from storage.catalog.coco import stage_coco
from storage.catalog.columns import ColumnMap, ColumnNames
from storage.catalog.formats import FORMATS, SUFFIXES, format_of
from storage.catalog.listing import (
    ListedPicture,
    cut_listing,
    fixed_part,
    is_picture,
    list_folder,
    list_glob,
    stage_listing,
)
from storage.catalog.opening import check_seekable, content_identity, describe_file, local_path
from storage.catalog.split import CatalogFile, CatalogRow, RowRange, Split, split_digest
from storage.filesystems import open_filesystem
from storage.store import Store

_FILES_AT_ONCE = 16
_FILES_CHECKED = 10
_WITH_HEADER = ("parquet", "csv")
_SHARD_FORMATS = ("parquet", "tar")


def check_catalog(uri: str, columns: ColumnNames) -> ColumnMap | None:
    """Look at the catalog's first readable file, so that a wrong column is said before a run.

    Returns:
        Its columns; None where each row has its own or none: JSON lines, tars, COCO annotations,
        folders of pictures.

    Raises:
        CatalogError: nothing is there, or what is there cannot serve as a catalog.

    """
    if columns.folder and format_of(uri) != "coco":
        raise CatalogError(
            "--pictures is for COCO annotations (.json): other catalogs name their pictures from "
            "their own folder on."
        )
    files = _find_files(uri)
    if files is None:
        try:
            first_picture = next(_find_pictures(uri), None)
        except OSError as error:
            raise CatalogError(f"{uri} cannot be read: {error}") from error
        if first_picture is None:
            raise CatalogError(
                f"{uri} holds no pictures and no Parquet or tar files. Other catalogs ({_known()}) "
                "are named by their file, or by a glob in quotes."
            )
        return None
    unreadable: CatalogError | None = None
    for file in itertools.islice(files, _FILES_CHECKED):
        try:
            check_seekable(file.uri)
            found = FORMATS[_format(file)].check(file, columns)
        except CatalogError:
            raise
        except Exception as error:  # noqa: BLE001 - readers raise what their library raises
            # Among others that can be read it is one failed row.
            unreadable = unreadable or CatalogError(
                f"{file.uri} cannot be read as {_format(file)}: {error}"
            )
        else:
            found = found[0] if isinstance(found, tuple) else found
            if isinstance(found, ColumnMap) and _format(file) in _WITH_HEADER:
                return found
            return None
    raise unreadable or CatalogError(f"{uri} matches no file.")


def plan_splits(
    uri: str, columns: ColumnNames, limit: int | None, store: Store, listing: str
) -> Iterator[Split]:
    """Cut a catalog into splits, in the catalog's order.

    Args:
        uri: a file, folder or glob.
        columns: names the user gave.
        limit: take only so many rows from the catalog's beginning.
        store: where the listing of a folder of pictures is kept, and COCO annotations as rows.
        listing: the folder in it.

    """
    files = _find_files(uri)
    if files is None:
        yield from stage_listing(_find_pictures(uri), store, listing, limit)
    elif format_of(uri) == "coco":
        yield from stage_coco(list(files), columns.folder, limit, store, listing)
    else:
        yield from _first_rows(_plan_files(files, columns), limit)


def plan_pieces(
    uri: str, columns: ColumnNames, limit: int | None
) -> Iterator[Split | tuple[CatalogRow, ...]]:
    """Cut a catalog as :func:`plan_splits` does, and write nothing.

    Of a folder or glob of pictures, and of COCO annotations, a piece is the rows themselves.
    """
    files = _find_files(uri)
    if files is None:
        for pictures in cut_listing(_find_pictures(uri), limit):
            yield tuple(itertools.starmap(_listed_row, enumerate(pictures)))
    elif format_of(uri) == "coco":
        yield from coco_pieces(list(files), columns.folder, limit)
    else:
        yield from _first_rows(_plan_files(files, columns), limit)


def _listed_row(position: int, picture: ListedPicture) -> CatalogRow:
    asset = Asset(asset_id=picture.name, uri=picture.uri, content_version=picture.version)
    return CatalogRow(position=position, asset=asset)


def plan_files(files: Iterable[CatalogFile], format_: str, limit: int | None) -> Iterator[Split]:
    """Cut files of one format into splits, in their order."""
    yield from _first_rows(_plan_files(files, ColumnNames(), format_), limit)


def _first_rows(splits: Iterable[Split], limit: int | None) -> Iterator[Split]:
    """Number the catalog's rows through, and take only so many of them."""
    offset = 0
    for split in splits:
        if limit is not None and offset >= limit:
            return
        kept = split
        if limit is not None and offset + split.row_count > limit:
            rows = replace(split.rows, stop=split.rows.start + limit - offset)
            kept = replace(split, rows=rows, split_id=split_digest(split.split_id, rows.stop))
        yield replace(kept, offset=offset)
        offset += kept.row_count


def _plan_files(
    files: Iterable[CatalogFile], columns: ColumnNames, format_: str = ""
) -> Iterator[Split]:
    def plan_file(file: CatalogFile) -> list[Split]:
        name = format_ or _format(file)
        splits: list[Split] = []
        try:
            for rows in FORMATS[name].plan(file, columns):
                splits.append(_split(file, name, rows, ""))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is one failed row
            problem = f"{file.uri} cannot be read as {name}: {str(error) or type(error).__name__}"
            end = splits[-1].rows.stop if splits else 0
            splits.append(_split(file, name, RowRange(start=end, stop=end + 1), problem))
        return splits

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
    # A process may live through many nights: it must not see the listing of the first.
    filesystem.invalidate_cache()
    try:
        if _is_glob(uri):
            return _matching(uri)
        if not uri.startswith("http") and filesystem.isdir(path):
            return _shards_of(uri)
        if format_of(uri) is None and is_picture(uri):
            raise CatalogError(
                f"{uri} is one picture. Name the folder it is in, or a glob in quotes."
            )
        return [describe_file(uri)]
    except FileNotFoundError:
        raise CatalogError(f"There is no {uri}.") from None
    except OSError as error:
        raise CatalogError(f"{uri} cannot be read: {error}") from error


def _matching(uri: str) -> list[CatalogFile] | None:
    """The catalog files that match a glob; None if there are none."""
    if format_of(uri) is None and is_picture(uri):
        return None
    filesystem, path = open_filesystem(uri)
    base = uri[: len(uri) - len(path)] if uri.endswith(path) else ""
    found = _files(filesystem.glob(path, detail=True))
    fixed = fixed_part(filesystem._strip_protocol(path))
    return [
        CatalogFile(
            uri=f"{base}{name}",
            identity=content_identity(found[name]),
            name=name.removeprefix(fixed),
        )
        for name in sorted(found)
        # A file of numbers about shards lies beside them: annotations are meant where it says so.
        if format_of(name) not in {None, "coco"} or format_of(name) == format_of(uri)
    ] or None


def _shards_of(uri: str) -> list[CatalogFile] | None:
    """The Parquet or tar files of a folder or of its folders, if that is what it holds.

    Raises:
        CatalogError: it holds pictures beside them: which are meant cannot be known.

    """
    filesystem, path = open_filesystem(uri)
    base = uri.rstrip("/")
    root = path.rstrip("/")
    picture = ""
    for depth in (1, 2):
        found: dict[str, dict[str, Any]] = {}
        if local_path(uri) is None:
            found = _files(filesystem.find(root, maxdepth=depth, detail=True))
            names: Iterable[str] = (name[len(root) + 1 :] for name in found)
        else:
            names = _names_below(path, depth)
        shards = []
        # Of pictures only one name: the folder may hold millions.
        for name in names:
            if format_of(name) in _SHARD_FORMATS and not _is_hidden(name):
                shards.append(name)
            elif not picture and is_picture(name):
                picture = name
        if shards and picture:
            raise CatalogError(
                f"{uri} holds pictures ({picture}) and catalog files ({shards[0]}). Say which are "
                "meant, with a glob in quotes or a folder of their own."
            )
        if shards:
            return [
                _shard(f"{base}/{name}", name, found.get(f"{root}/{name}"))
                for name in sorted(shards)
            ]
    return None


def _shard(uri: str, name: str, info: dict[str, Any] | None) -> CatalogFile:
    identity = content_identity(info) if info else describe_file(uri).identity
    return CatalogFile(uri=uri, identity=identity, name=name)


def _names_below(folder: str, depth: int) -> Iterator[str]:
    """Names of the files so many folders down."""
    with os.scandir(folder) as children:
        for child in children:
            if child.is_dir():
                if depth > 1:
                    for name in _names_below(child.path, depth - 1):
                        yield f"{child.name}/{name}"
            elif depth == 1:
                yield child.name


def _is_hidden(name: str) -> bool:
    """Whether a path is what readers leave out by convention, an output's own files among it."""
    return any(part.startswith(("_", ".")) for part in name.split("/"))


def _files(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Leave out folders, which are named like files where Spark wrote them."""
    return {name: info for name, info in found.items() if info.get("type") != "directory"}


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
    if not any(sign in uri for sign in signs):
        return False
    local = local_path(uri)
    # There are folders named "2023 [holiday]".
    return local is None or not os.path.lexists(local)
