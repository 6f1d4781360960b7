"""Evaluations as they are committed, with whatever scores a test needs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from schemas.score import RowScore
from storage.keys import question_identity, row_keys
from storage.store import open_store
from tests.storage.committed_rows import commit_rows


def row_score(asset_id: str, scores: Mapping[str, float], **changes: Any) -> RowScore:
    """A row of an evaluation of captions."""
    values: dict[str, Any] = {
        "asset_id": asset_id,
        "question_id": "",
        "text": f"a {asset_id}",
        "references": (f"the {asset_id}",),
        "metrics": tuple(scores),
        "scores": np.array(list(scores.values()), np.float64),
        "slices": (),
        "uri": "",
        "model": "m",
        "revision": "r",
        "attributes": "{}",
        **changes,
    }
    identity = question_identity(values["asset_id"], values["question_id"])
    return RowScore(key=row_keys([identity], None, b"").hex(0), **values)


def commit_evaluation(
    out: Path, rows: Sequence[RowScore], *, kind: str = "captions", **config: object
) -> Path:
    """Commit an evaluation; of all rows together it tells nothing."""
    asked = {"kind": kind, "results": f"{out}.parquet", "slice_by": (), **config}
    commit_rows(open_store(str(out)), rows, config=asked)
    return out
