"""The questions that evaluated rows answer: it keeps their ids, the results their texts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.comparison import ComparedRow
from schemas.errors import CalummaError
from storage.catalog.opening import open_file
from storage.evaluation.evaluated import EvaluatedRun
from storage.evaluation.result_files import find_results
from storage.questions import question_id_of

_COLUMNS = ["asset_id", "question_id", "question"]


def with_questions(rows: Sequence[ComparedRow], run: EvaluatedRun) -> tuple[ComparedRow, ...]:
    """Give rows the texts of their questions, where the results are there and tell them.

    Args:
        run: the evaluation that they are of.

    """
    if run.kind != "answers" or not rows:
        return tuple(rows)
    wanted = pa.array(sorted({row.asset_id for row in rows}))
    try:
        questions = {
            key: text
            for uri in find_results(run.results, "answers").uris
            for key, text in _questions(uri, wanted).items()
        }
    except (CalummaError, OSError, ValueError, KeyError):
        # Moved, withdrawn or out of reach: the ids must do.
        return tuple(rows)
    return tuple(
        replace(row, question=questions.get((row.asset_id, row.question_id), "")) for row in rows
    )


def _questions(uri: str, wanted: "pa.Array[Any]") -> dict[tuple[str, str], str]:
    """The questions of some assets in a file, by asset and question id."""
    found: dict[tuple[str, str], str] = {}
    with open_file(uri) as file:
        opened = pq.ParquetFile(file)
        columns = [name for name in _COLUMNS if name in opened.schema_arrow.names]
        if not {"asset_id", "question"} <= set(columns):
            return {}
        for batch in opened.iter_batches(columns=columns):
            ids = pc.cast(batch["asset_id"], pa.string())
            for row in batch.filter(pc.is_in(ids, value_set=wanted)).to_pylist():
                question = str(row["question"] or "")
                question_id = str(row.get("question_id") or question_id_of(question))
                found[str(row["asset_id"]), question_id] = question
    return found
