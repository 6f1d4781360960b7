"""Results to evaluate: an output's captions or answers, or any Parquet files."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq

from schemas.arrow import SCHEMA_VERSION
from schemas.errors import CatalogError
from storage.catalog.columns import id_text, plain_text, reference_texts
from storage.catalog.opening import describe_file, open_file
from storage.committed import find_committed
from storage.evaluation.references import Kind, question_id_in
from storage.filesystems import open_filesystem
from storage.latest import read_manifests
from storage.store import open_store

_NEEDED = ("asset_id", "text")
_KNOWN = (*_NEEDED, "question_id", "question", "references", "answers", "model", "revision")
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFiles:
    """The files of results.

    Attributes:
        uris: where they are, those of the newest run first.
        committed: whether they are an output's: then of an asset's rows the first counts, and the
            others are older; else a second row is a mistake.
        identity: changes when they do.
        model, revision: of the newest run; empty where nothing tells.

    """

    uris: tuple[str, ...]
    committed: bool
    identity: str
    model: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row of results.

    Attributes:
        asset_id: None where the row has none.
        question_id: empty for captions.
        own: the references that the row itself holds.
        columns: other columns, of an output the catalog's, to slice by.

    """

    asset_id: str | None
    question_id: str
    text: str
    own: tuple[str, ...]
    model: str
    revision: str
    uri: str
    attributes: str
    columns: Mapping[str, Any] = field(default_factory=dict)


def tables_of(uri: str) -> set[Kind] | None:
    """Which kinds of results an output holds; None if it is no output of ours."""
    if uri.endswith(".parquet") or "*" in uri:
        return None
    manifests = read_manifests(open_store(uri))
    if not manifests:
        return None
    kinds: tuple[Kind, ...] = ("captions", "answers")
    return {kind for kind in kinds if any(one.table == kind for one in manifests)}


def find_results(uri: str, kind: Kind) -> ResultFiles:
    """Find the files of results.

    Args:
        uri: an output, or a Parquet file, a folder or a glob of such.
        kind: which table of an output.

    Raises:
        CatalogError: there are none, or files of an output are gone.

    """
    if tables_of(uri) is None:
        return _plain_files(uri)
    missing = f"{uri} holds no {kind}. Make some, or name another output."
    found = find_committed(uri, kind, missing=missing)
    newest = found.runs[-1]
    return ResultFiles(
        uris=tuple(
            f"{uri.rstrip('/')}/{path}"
            for run in reversed(found.runs)
            for path in found.paths_of(run)
        ),
        committed=True,
        identity=f"{uri} {newest.run_id} {newest.commit}",
        model=newest.model,
        revision=newest.revision,
    )


def _plain_files(uri: str) -> ResultFiles:
    filesystem, path = open_filesystem(uri)
    if "*" in path:
        paths = filesystem.glob(path)
    elif filesystem.isdir(path):
        paths = filesystem.glob(f"{path.rstrip('/')}/**/*.parquet")
    else:
        paths = [path] if filesystem.exists(path) else []
    scheme = uri.partition("://")[0] + "://" if "://" in uri else ""
    uris = tuple(sorted(f"{scheme}{found}" for found in paths))
    if not uris:
        raise CatalogError(
            f"There are no results at {uri}: name an output of calumma caption or answer, or "
            "Parquet files with columns asset_id and text."
        )
    identity = " ".join(f"{one} {describe_file(one).identity}" for one in uris)
    return ResultFiles(uris=uris, committed=False, identity=identity)


def read_results(files: ResultFiles, kind: Kind) -> Iterator[list[Result]]:
    """Read results, about a thousand rows at a time.

    Raises:
        CatalogError: a file cannot be read, or lacks a column.

    """
    for uri in files.uris:
        try:
            with open_file(uri) as file:
                opened = pq.ParquetFile(file)
                columns = _check(uri, opened)
                for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
                    yield [_result(row, kind, files) for row in batch.to_pylist()]
        except CatalogError:
            raise
        except Exception as error:
            raise CatalogError(f"{uri} cannot be read: {error}") from error


def _check(uri: str, opened: pq.ParquetFile) -> list[str]:
    """Check a file's columns; give those to read: all but pictures and vectors."""
    names: list[str] = opened.schema_arrow.names
    missing = [name for name in _NEEDED if name not in names]
    if not missing:
        return [
            name
            for name in names
            if str(opened.schema_arrow.field(name).type) not in {"binary", "large_binary"}
        ]
    stored = (opened.schema_arrow.metadata or {}).get(b"calumma.schema_version")
    if stored is not None and stored != str(SCHEMA_VERSION).encode():
        raise CatalogError(
            f"{uri} was written with schema {stored.decode()} of Calumma and lacks "
            f"{' and '.join(missing)}; this Calumma reads schema {SCHEMA_VERSION}. Make the "
            "results again, or name Parquet files with columns asset_id and text."
        )
    raise CatalogError(
        f"{uri} has no column {' and no column '.join(missing)}; it has: {', '.join(names)}."
    )


def _result(row: Mapping[str, Any], kind: Kind, files: ResultFiles) -> Result:
    attributes = row.get("attributes")
    if files.committed:
        columns = json.loads(attributes or "{}")
    else:
        columns = {name: value for name, value in row.items() if name not in _KNOWN}
    return Result(
        asset_id=id_text(row["asset_id"]),
        question_id=question_id_in(row) if kind == "answers" else "",
        text=plain_text(row["text"]),
        own=reference_texts(row.get("answers" if kind == "answers" else "references")),
        model=plain_text(row.get("model")),
        revision=plain_text(row.get("revision")),
        uri=plain_text(row.get("uri")),
        attributes=plain_text(attributes) or "{}",
        columns=columns,
    )
