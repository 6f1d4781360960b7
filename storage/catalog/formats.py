"""The formats a catalog may have, and which reader reads which."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from storage.catalog import coco, delimited, jsonlines, parquet, token_rows, webdataset
from storage.catalog.columns import ColumnNames, map_columns
from storage.catalog.listing import fixed_part
from storage.catalog.opening import file_name
from storage.catalog.split import CatalogFile, RowBlock, RowRange, Split

SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".tar": "tar",
    ".tgz": "tar",
    ".json": "coco",
}
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one format are cut, read and checked.

    ``check`` raises CatalogError if the file's columns cannot serve.
    """

    plan: Callable[[CatalogFile, ColumnNames], Iterator[RowRange]]
    read: Callable[[Split, ColumnNames], Iterator[RowBlock]]
    check: Callable[[CatalogFile, ColumnNames], object]


FORMATS = {
    "parquet": Format(parquet.plan, parquet.read, parquet.find_columns),
    # Our own listing of a folder: its columns are ours, whatever names the user gave.
    "listing": Format(
        parquet.plan,
        lambda split, _: parquet.read(split, ColumnNames()),
        lambda _file, _names: None,
    ),
    # A table of codes that a job has written: the rows of another one.
    "tokens": Format(
        lambda file, _: parquet.plan(file, ColumnNames(pictures_needed=False)),
        lambda split, _: token_rows.read(split),
        lambda file, _: token_rows.check(file),
    ),
    # Files of annotations are joined and staged as Parquet (storage.catalog.plan); this is read.
    "coco": Format(
        lambda file, _: parquet.plan(file, ColumnNames()),
        lambda split, _: coco.read(split),
        coco.check,
    ),
    "csv": Format(
        delimited.plan,
        delimited.read,
        lambda file, given: map_columns(delimited.read_header(file), given),
    ),
    "jsonl": Format(jsonlines.plan, jsonlines.read, jsonlines.find_columns),
    "tar": Format(
        webdataset.plan,
        webdataset.read,
        lambda file, _: next(webdataset.plan(file, ColumnNames()), None),
    ),
}


def format_of(uri: str) -> str | None:
    """The format a file's name says it has; None if it says none of ours."""
    name = file_name(uri)
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    return next((format_ for suffix, format_ in SUFFIXES.items() if name.endswith(suffix)), None)


def folder_of(catalog: str) -> str:
    """What a catalog's relative uris start from."""
    if any(sign in catalog for sign in "*?["):
        return fixed_part(catalog).rstrip("/")
    return catalog.rpartition("/")[0] if format_of(catalog) else catalog.rstrip("/")


def read_split(split: Split, columns: ColumnNames) -> Iterator[RowBlock]:
    """Read a split's rows, block by block, in order."""
    return FORMATS[split.format].read(split, columns)
