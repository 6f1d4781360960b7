"""Keys at the commit: doubled ids within a run, rows that another run committed meanwhile."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.arrow import from_table, to_table
from schemas.failure import Failure, FailureKind, Stage
from schemas.manifest import Counts
from storage.digests import sorted_digests
from storage.known import KnownKeys
from storage.layout import keys_path, split_folder, staging_folder
from storage.part_writer import serialize_table
from storage.parts import DONE, FAILED, OUTCOME_NAMES, Part, read_keys
from storage.runs import Run
from storage.store import Store

_DOUBLED = (
    "An earlier row of the catalog has the same id; that row was kept. Make ids unique, or name "
    "another id column."
)

Keys = NDArray[np.void]


def drop_and_reject(
    store: Store, run: Run, parts: Sequence[Part], newer: KnownKeys | None, token: str
) -> tuple[list[Part], Keys]:
    """Drop rows that newer commits hold and reject rows whose id came before.

    Args:
        parts: a run's parts in the catalog's order.
        newer: keys committed since the run began, if any were.
        token: names the files that replace staged ones.

    Returns:
        The parts, those that lost rows replaced, and the keys of the rows that remain.

    """
    keys = [read_keys(store, part) for part in parts]
    sizes = [len(part_keys) for part_keys in keys]
    joined = np.concatenate(keys) if keys else read_nothing()
    dropped = np.zeros(len(joined), dtype=bool)
    if newer is not None and len(joined):
        first, second = joined["identity_first"], joined["second"]
        dropped = newer.done.contains(first, second)
        failed = newer.failed.contains(first, second) | newer.retry.contains(first, second)
        dropped |= failed & (joined["outcome"] != DONE)
    rejected = _repeats(joined, dropped)
    result, start = [], 0
    remaining = joined.copy()
    remaining["outcome"][rejected] = FAILED
    for part, size in zip(parts, sizes, strict=True):
        rows = slice(start, start + size)
        start += size
        if dropped[rows].any() or rejected[rows].any():
            part = _rewrite(  # noqa: PLW2901
                store, run, part, joined[rows], dropped[rows], rejected[rows], token
            )
        result.append(part)
    return result, remaining[~dropped]


def read_nothing() -> Keys:
    """No keys at all."""
    from storage.parts import KEY_DTYPE

    return np.empty(0, KEY_DTYPE)


def key_files(
    store: Store, run_id: str, number: int, keys: Keys, token: str
) -> list[tuple[str, str]]:
    """Stage a commit's sorted digests; give the moves that publish them."""
    moves = []
    for outcome, kind in enumerate(OUTCOME_NAMES):
        chosen = keys[keys["outcome"] == outcome]
        if len(chosen):
            digests = sorted_digests(chosen["identity_first"], chosen["second"])
            content = digests.serialize()
            staged = f"{staging_folder(run_id)}/keys-{token}.{kind}"
            store.put(staged, content)
            moves.append((staged, keys_path(number, number, kind, content)))
    return moves


def _repeats(keys: Keys, dropped: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark every row whose identity a row before it has; dropped rows count for nothing."""
    repeated = np.zeros(len(keys), dtype=bool)
    rows = np.flatnonzero(~dropped)
    if len(rows) < 2:
        return repeated
    first, second = keys["identity_first"][rows], keys["identity_second"][rows]
    order = np.lexsort((rows, second, first))
    same = (first[order][1:] == first[order][:-1]) & (second[order][1:] == second[order][:-1])
    repeated[rows[order[1:][same]]] = True
    return repeated


def _rewrite(
    store: Store,
    run: Run,
    part: Part,
    keys: Keys,
    dropped: NDArray[np.bool_],
    rejected: NDArray[np.bool_],
    token: str,
) -> Part:
    """Write a part anew without the dropped rows and with the rejected ones as failures."""
    is_row = keys["outcome"] == DONE
    rows, metadata = _read(store, part, "rows")
    failures, failure_metadata = _read(store, part, "failures")
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


def _read(store: Store, part: Part, content: str) -> tuple[pa.Table | None, dict[str, str]]:
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
        question_id=row.get("question_id", ""),
        stage=Stage.COMMIT.value,
        kind=FailureKind.DUPLICATE_ID.value,
        message=_DOUBLED,
        retryable=False,
        uri=row["uri"],
        attributes=row["attributes"],
    )
