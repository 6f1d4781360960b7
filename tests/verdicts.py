"""Outputs of a filter that hold given verdicts."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from schemas.arrow import to_table
from schemas.failure import Failure, FailureKind, Stage
from schemas.manifest import Counts, RunManifest
from schemas.verdict import Rule, Verdict
from storage.keys import row_keys
from storage.list_kept import list_kept
from storage.store import open_store


def verdict(
    asset_id: str,
    reasons: Sequence[Rule] = (),
    *,
    version: str = "",
    rules: str = "some rules",
    **values: Any,
) -> Verdict:
    """A verdict; what the row says is all in its version."""
    fields: dict[str, Any] = {
        "not_judged": (),
        "words": 3,
        "characters": 15,
        "width": None,
        "height": None,
        "clip_score": None,
        "text_cut": False,
        "uri": f"/pictures/{asset_id}.png",
        "text": f"text of {asset_id}",
        "license": "CC0",
        "source": "",
        "sha256": "",
        "model": "",
        "revision": "",
        "attributes": "{}",
        **values,
    }
    return Verdict(
        key=row_keys([asset_id], [version], rules.encode()).hex(0),
        asset_id=asset_id,
        kept=not reasons,
        reasons=tuple(rule.value for rule in reasons),
        rules=rules,
        **fields,
    )


def failure(
    asset_id: str,
    kind: FailureKind = FailureKind.NOT_FOUND,
    *,
    version: str = "",
    rules: str = "some rules",
) -> Failure:
    """A row that has no verdict."""
    return Failure(
        key=row_keys([asset_id], [version], rules.encode()).hex(0),
        asset_id=asset_id,
        question_id="",
        stage=Stage.FETCH.value,
        kind=kind.value,
        message="",
        retryable=kind.retryable,
        uri="",
        attributes="{}",
    )


def write_verdicts(
    out: Path,
    rows: Sequence[Verdict],
    *,
    rules: str = "some rules",
    failures: Sequence[Failure] = (),
    **config: Any,
) -> RunManifest:
    """Add a committed run of a filter to an output, and list what it keeps."""
    commit = len(list(out.glob("_runs/*.json"))) + 1
    run_id = f"20260101-0000{commit:02d}-aaaaaa"
    path = f"verdicts/run={run_id}/part-0.parquet"
    failed = f"failures/run={run_id}/part-0.parquet"
    for name, table in ((path, to_table(Verdict, rows)), (failed, to_table(Failure, failures))):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, out / name)
    manifest = RunManifest(
        run_id=run_id,
        job="filter",
        state="done",
        config={"catalog": "/photos", "rules": rules, **config},
        table="verdicts",
        model="",
        revision="",
        versions={},
        counts=Counts(rows_in=len(rows) + len(failures), rows_out=len(rows), failed=len(failures)),
        started=0.0,
        finished=1.0,
        commit=commit,
        files=(path, failed),
    )
    (out / "_runs").mkdir(parents=True, exist_ok=True)
    (out / "_runs" / f"{run_id}.json").write_text(json.dumps(asdict(manifest)))
    list_kept(open_store(str(out)), manifest)
    return manifest
