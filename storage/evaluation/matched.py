"""Rows of results with their references, staged for the workers, and what became of the others."""

import hashlib
import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.arrow import to_table
from schemas.failure import Failure
from storage.evaluation.join import Join
from storage.evaluation.kinds import KINDS
from storage.evaluation.matching import MatchedSplit, Matcher
from storage.evaluation.results import Result, read_results
from storage.evaluation.settings import EvaluationSettings
from storage.forgotten import load_forgotten
from storage.layout import evaluation_path
from storage.part_writer import file_metadata, serialize_table
from storage.store import Store

ROWS_PER_SPLIT = 10_000
# Embedding takes long: what is lost with a worker is what it had of one split.
ENCODED_ROWS_PER_SPLIT = 1000
_PLAN = "plan.json"

_TEXTS = ("key", "asset_id", "question_id", "text", "uri", "model", "revision", "attributes")
_FIELDS: "list[pa.Field[Any]]" = [
    *(pa.field(name, pa.string()) for name in _TEXTS),
    pa.field("identity", pa.uint64()),
    pa.field("references", pa.list_(pa.string())),
    pa.field("slices", pa.list_(pa.string())),
]
# What else of a row is scored, by column.
_MEASURED: "Mapping[str, pa.DataType]" = {
    "neighbor_ids": pa.list_(pa.string()),
    "vector": pa.list_(pa.float32()),
    "psnr": pa.float64(),
    "ssim": pa.float64(),
    "codes": pa.list_(pa.int32()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPlan:
    """All splits, and what had no counterpart.

    Attributes:
        unmatched: references that no result was compared with.
        first_unmatched: ids of the first assets among them.

    """

    splits: tuple[MatchedSplit, ...]
    unmatched: int
    first_unmatched: tuple[str, ...]


def stage_evaluation(
    store: Store, run_id: str, settings: EvaluationSettings, fingerprint: bytes, version: str
) -> EvaluationPlan:
    """Bring results and references together, and stage them by splits.

    What was forgotten in the store till now is left out. It may be done again: the same files come
    of it, or others beside them where something was forgotten meanwhile.

    Raises:
        CatalogError: a file cannot be read, nothing belongs together, or a column to slice by is
            not there or has too many values.

    """
    metadata = file_metadata(run_id, version)
    measured = [pa.field(name, _MEASURED[name]) for name in KINDS[settings.kind].measured]
    schema = pa.schema([*_FIELDS, *measured])
    with (
        tempfile.TemporaryDirectory() as folder,
        Join(Path(folder) / "references.sqlite", settings.slice_by) as join,
    ):
        matcher = Matcher(settings, join, fingerprint, load_forgotten(store))
        splits = []
        for number, rows in enumerate(_splits(settings)):
            split, matched, failures = matcher.match(number, rows)
            rows_table = pa.Table.from_pylist(matched, schema=schema)
            failures_table = to_table(Failure, failures)
            splits.append(
                replace(
                    split,
                    rows_name=_stage(store, run_id, f"{split.split_id}.rows", rows_table, metadata),
                    failures_name=_stage(
                        store, run_id, f"{split.split_id}.failures", failures_table, metadata
                    ),
                )
            )
        matcher.check(splits)
        unmatched, first = join.unmatched() if settings.reads_file else (0, [])
    plan = EvaluationPlan(splits=tuple(splits), unmatched=unmatched, first_unmatched=tuple(first))
    store.put(evaluation_path(run_id, _PLAN), json.dumps(asdict(plan)).encode())
    return plan


def read_plan(store: Store, run_id: str) -> EvaluationPlan:
    """Read what was staged.

    Raises:
        FileNotFoundError: nothing was, or it is committed.

    """
    fields = json.loads(store.get(evaluation_path(run_id, _PLAN)))
    return EvaluationPlan(
        splits=tuple(MatchedSplit(**split) for split in fields["splits"]),
        unmatched=fields["unmatched"],
        first_unmatched=tuple(fields["first_unmatched"]),
    )


def read_matched(store: Store, run_id: str, split: MatchedSplit, rows: int) -> Iterator[pa.Table]:
    """Read a split's rows to score, so many at a time."""
    if split.matched:
        content = store.get(evaluation_path(run_id, split.rows_name))
        table = pq.ParquetFile(io.BytesIO(content)).read()
        for start in range(0, len(table), rows):
            yield table.slice(start, rows)


def _stage(store: Store, run_id: str, name: str, table: pa.Table, metadata: dict[str, str]) -> str:
    """Write a table down, named by what it holds as well; give the name, empty for no rows.

    So a plan that is made anew, when something was forgotten meanwhile, takes nothing from workers
    that still go by the one before.
    """
    if not len(table):
        return ""
    content = serialize_table(table, metadata)
    name = f"{name}-{hashlib.blake2b(content, digest_size=8).hexdigest()}.parquet"
    store.put(evaluation_path(run_id, name), content)
    return name


def _splits(settings: EvaluationSettings) -> Iterator[list[Result]]:
    """The results, as many at a time as a split has."""
    rows: list[Result] = []
    most = ENCODED_ROWS_PER_SPLIT if settings.encoded else ROWS_PER_SPLIT
    for some in read_results(settings.results, settings.kind):
        rows += some
        if len(rows) >= most:
            yield rows
            rows = []
    if rows:
        yield rows
