"""Results to evaluate, row by row."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.arrow import SCHEMA_VERSION
from schemas.errors import CatalogError
from storage.catalog.columns import id_text, plain_text, reference_texts
from storage.catalog.opening import open_file
from storage.evaluation.kinds import KINDS
from storage.evaluation.references import Kind, question_id_in
from storage.evaluation.result_files import ResultFiles
from storage.fetching.policy import resolve_uri
from storage.inside import cell_uri
from storage.latest import IDENTITY

_TEXTS = ("asset_id", "text", "question_id", "question", "references", "answers")
_KNOWN = (*_TEXTS, "model", "revision")
_ROWS_AT_ONCE = 1000
_PICTURE = "image"
_ARRAYS = ("vector", "codes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row of results.

    Attributes:
        asset_id: None where the row has none.
        question_id: of the question, or what else tells the rows of an asset apart, such as the
            number of the sample; empty for captions.
        own: the references that the row itself holds.
        uri: where its picture is, relative to the files' ``folder`` or absolute; of a row that
            holds a picture, where in the file.
        measured: what else is scored, by column (:data:`storage.evaluation.kinds.KINDS`): lists of
            numbers as arrays.
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
    measured: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)


def read_results(files: ResultFiles, kind: Kind) -> Iterator[list[Result]]:
    """Read results, about a thousand rows at a time.

    Raises:
        CatalogError: a file cannot be read, or lacks a column.

    """
    for uri, folder in zip_longest(files.uris, files.folders, fillvalue=files.folder):
        try:
            with open_file(uri) as file:
                opened = pq.ParquetFile(file)
                columns = _check(uri, opened, kind)
                first = 0
                for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
                    results = _results(batch, uri, first, opened, kind, files)
                    if folder != files.folder:
                        results = [
                            replace(one, uri=resolve_uri(one.uri, folder)) if one.uri else one
                            for one in results
                        ]
                    yield results
                    first += len(batch)
        except CatalogError:
            raise
        except Exception as error:
            raise CatalogError(f"{uri} cannot be read: {error}") from error


def _check(uri: str, opened: pq.ParquetFile, kind: Kind) -> list[str]:
    """Check a file's columns; give those to read: no pictures, and no vectors but to score."""
    names: list[str] = opened.schema_arrow.names
    needs = (("asset_id",), *KINDS[kind].needs)
    missing = [" or ".join(some) for some in needs if not set(some) & set(names)]
    if not missing:
        left_out = set(_ARRAYS) - set(KINDS[kind].measured)
        return [
            name
            for name in names
            if name not in left_out
            and str(opened.schema_arrow.field(name).type) not in {"binary", "large_binary"}
        ]
    stored = (opened.schema_arrow.metadata or {}).get(b"calumma.schema_version")
    if stored is not None and stored != str(SCHEMA_VERSION).encode():
        raise CatalogError(
            f"{uri} was written with schema {stored.decode()} of Calumma and lacks "
            f"{' and '.join(missing)}; this Calumma reads schema {SCHEMA_VERSION}. Make the "
            f"results again, or name Parquet files with columns {_listed(needs)}."
        )
    raise CatalogError(
        f"{uri} has no column {' and no column '.join(missing)}; it has: {', '.join(names)}."
    )


def _listed(needs: Sequence[tuple[str, ...]]) -> str:
    return " and ".join(" or ".join(some) for some in needs)


def _results(
    batch: pa.RecordBatch,
    uri: str,
    first: int,
    opened: pq.ParquetFile,
    kind: Kind,
    files: ResultFiles,
) -> list[Result]:
    """The rows of a batch, whose first is the file's row ``first``."""
    table = pa.Table.from_batches([batch])
    measured: dict[str, list[Any]] = {}
    for name in KINDS[kind].measured:
        if name in table.column_names:
            column = table[name].combine_chunks()
            measured[name] = _values(name, column)
            table = table.drop_columns([name])
    has_picture = kind == "generations" and _PICTURE in opened.schema_arrow.names
    results = []
    for place, row in enumerate(table.to_pylist()):
        found = {name: values[place] for name, values in measured.items()}
        where = cell_uri(uri, _PICTURE, first + place) if has_picture else ""
        results.append(_result(row, kind, files, found, where))
    return results


def _result(
    row: Mapping[str, Any], kind: Kind, files: ResultFiles, measured: Mapping[str, Any], where: str
) -> Result:
    attributes = row.get("attributes")
    if files.committed:
        columns = json.loads(attributes or "{}")
    else:
        columns = {name: value for name, value in row.items() if name not in _KNOWN}
    parts = [plain_text(row.get(name)) for name in IDENTITY[files.table][1:]]
    return Result(
        asset_id=id_text(row["asset_id"]),
        question_id=question_id_in(row) if kind == "answers" else "/".join(filter(None, parts)),
        text=plain_text(row.get("text")),
        own=reference_texts(row.get(KINDS[kind].own)),
        model=plain_text(row.get("model")),
        revision=plain_text(row.get("revision")),
        uri=where or plain_text(row.get("uri")),
        attributes=plain_text(attributes) or "{}",
        measured=measured,
        columns=columns,
    )


def _values(name: str, column: Any) -> list[Any]:
    if name in _ARRAYS and _holds_numbers(column.type):
        return _arrays(column)
    values: list[Any] = column.to_pylist()
    if name == "neighbor_ids":
        return [list(map(plain_text, one)) if isinstance(one, list) else one for one in values]
    return values


def _holds_numbers(kind: Any) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return (lists or pa.types.is_fixed_size_list(kind)) and (
        pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)
    )


def _arrays(column: Any) -> list[NDArray[Any] | None]:
    """The rows of a column of lists of numbers as arrays; None for null."""
    if pa.types.is_fixed_size_list(column.type):
        column = column.cast(pa.list_(column.type.value_type))
    offsets = column.offsets.to_numpy()
    values = column.values.to_numpy(zero_copy_only=False)
    return [
        values[offsets[row] : offsets[row + 1]] if known else None
        for row, known in enumerate(column.is_valid().to_pylist())
    ]
