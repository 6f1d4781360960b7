"""A staged part written anew: without rows that the commit drops, with those it rejects failed."""

import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.arrow import from_table, to_table
from schemas.failure import Failure, FailureKind, Stage
from schemas.manifest import Counts
from storage.digests import Flags
from storage.layout import split_folder
from storage.part_writer import serialize_table
from storage.parts import Part
from storage.runs import Run
from storage.store import Store

_DOUBLED = (
    "An earlier row of the catalog has the same id; that row was kept. Make ids unique, or name "
    "another id column."
)


def rewrite_part(
    store: Store,
    run: Run,
    part: Part,
    is_row: Flags,
    dropped: Flags,
    rejected: Flags,
    token: str,
) -> Part:
    """Write a part anew without the dropped rows and with the rejected ones as failures.

    Args:
        is_row: bool array of shape (outcomes,): which of the part's outcomes are rows; the others
            are failures. Both are in the order of their files.
        dropped: likewise, those to leave out, which count as skipped.
        rejected: likewise, those whose id came before.
        token: names the new files.

    Returns:
        The part with the new files; the old ones stay.

    """
    rows, metadata = read_staged(store, part, "rows")
    failures, failure_metadata = read_staged(store, part, "failures")
    kept_rows = rows.filter(pa.array(~(dropped | rejected)[is_row])) if rows else None
    doubled = (
        [_as_doubled(values) for values in rows.filter(pa.array(rejected[is_row])).to_pylist()]
        if rows
        else []
    )
    kept_failures: list[Failure] = []
    if failures:
        records = from_table(Failure, failures)
        flags = zip(records, dropped[~is_row], rejected[~is_row], strict=True)
        for failure, is_dropped, is_rejected in flags:
            if is_rejected:
                kept_failures.append(
                    replace(
                        failure,
                        stage=Stage.COMMIT.value,
                        kind=FailureKind.DUPLICATE_ID.value,
                        message=_DOUBLED,
                        retryable=False,
                    )
                )
            elif not is_dropped:
                kept_failures.append(failure)
    all_failures = kept_failures + doubled
    files = {name: path for name, path in part.files.items() if name not in {"rows", "failures"}}
    stem = f"{split_folder(run.run_id, part.split_id)}/{part.name}.{token}"
    if kept_rows is not None and len(kept_rows):
        files["rows"] = f"{stem}.rows.parquet"
        store.put(files["rows"], serialize_table(kept_rows, metadata))
    if all_failures:
        files["failures"] = f"{stem}.failures.parquet"
        table = to_table(Failure, all_failures)
        store.put(files["failures"], serialize_table(table, failure_metadata or metadata))
    rows_out = len(kept_rows) if kept_rows is not None else 0
    return replace(
        part,
        counts=Counts(
            rows_in=part.counts.rows_in,
            rows_out=rows_out,
            failed=len(all_failures),
            skipped=part.counts.skipped + int(dropped.sum()),
        ),
        failures_by_kind=dict(Counter(failure.kind for failure in all_failures)),
        files=files,
    )


def read_staged(store: Store, part: Part, content: str) -> tuple[pa.Table | None, dict[str, str]]:
    """Read a part's rows or failures, and what their file says of itself; None without any."""
    if content not in part.files:
        return None, {}
    table = pq.read_table(io.BytesIO(store.get(part.files[content])))
    stored = table.schema.metadata or {}
    return table, {
        name.decode(): value.decode()
        for name, value in stored.items()
        if name.startswith(b"calumma.")
    }


def _as_doubled(row: Mapping[str, Any]) -> Failure:
    return Failure(
        key=row["key"],
        asset_id=row["asset_id"],
        # Each sample is a row by itself, as each question and each copy is.
        question_id=row.get(
            "question_id", str(row.get("sample_number", row.get("copy_number", "")))
        ),
        stage=Stage.COMMIT.value,
        kind=FailureKind.DUPLICATE_ID.value,
        message=_DOUBLED,
        retryable=False,
        # A document has no picture of its own.
        uri=row.get("uri", ""),
        attributes=row["attributes"],
    )
