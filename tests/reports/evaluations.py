"""Evaluations as `calumma evaluate` leaves them, with rows and scores that a test chooses."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from easy_vqa import get_test_image_paths

from schemas.arrow import to_table
from schemas.score import ALL, RowScore, Score
from storage.keys import row_keys


def row_score(
    name: str,
    scores: Mapping[str, float],
    *,
    text: str = "a red circle",
    references: Sequence[str] = ("a red disc",),
    slices: Sequence[str] = (),
    uri: str = "",
    question_id: str = "",
    model: str = "some-model",
    attributes: str = "{}",
) -> RowScore:
    """A row with these scores."""
    return RowScore(
        key=row_keys([f"{name} {question_id}"], None, b"").hex(0),
        asset_id=name,
        question_id=question_id,
        text=text,
        references=tuple(references),
        metrics=tuple(scores),
        scores=np.array(list(scores.values()), np.float64),
        slices=tuple(slices),
        uri=uri,
        model=model,
        revision="r1",
        attributes=attributes,
    )


def some_rows(count: int) -> list[RowScore]:
    """Rows with two scores, of which one is missing now and then, pictures and slices."""
    paths = get_test_image_paths()
    return [
        row_score(
            f"asset-{number:05d}",
            {
                "cider_d": (number * 37 % 101) / 20,
                "rouge_l": math.nan if number % 10 == 9 else (number * 53 % 97) / 97,
            },
            text=f"caption {number}",
            references=(f"reference {number}", "another"),
            slices=(f"shelf={number % 3}", f"light={'day' if number % 2 else 'night'}"),
            uri=str(paths[number % 1000]),
        )
        for number in range(count)
    ]


def score(
    metric: str,
    value: float,
    name: str = ALL,
    *,
    half: float | None = 0.01,
    count: int = 100,
) -> Score:
    """A score with an interval of so much to either side, or none."""
    return Score(
        metric=metric,
        slice=name,
        value=value,
        low=None if half is None else value - half,
        high=None if half is None else value + half,
        count=count,
        model="some-model",
        revision="r1",
    )


def scores_of(rows: Sequence[RowScore], more: float = 0.0) -> list[Score]:
    """Means of rows and of their slices, the same amount more."""
    names = list(dict.fromkeys(name for row in rows for name in row.slices))
    metrics = list(dict.fromkeys(name for row in rows for name in row.metrics))
    found = []
    for name in (ALL, *names):
        for metric in metrics:
            values = [
                float(row.scores[row.metrics.index(metric)])
                for row in rows
                if name in {ALL, *row.slices}
            ]
            known = [value for value in values if not math.isnan(value)]
            value = sum(known) / len(known) + more if known else math.nan
            found.append(score(metric, value, name, count=len(known)))
    return found


def write_evaluation(
    output: Any,
    run_id: str,
    rows: Sequence[RowScore],
    scores: Sequence[Score] | None = None,
    *,
    results: str = "results.parquet",
    failures: Sequence[Any] = (),
    config: Mapping[str, object] | None = None,
    **manifest: Any,
) -> None:
    """Write a run of an evaluation."""
    path = f"scores/run={run_id}/part-00000000.parquet"
    output.put_table(path, to_table(Score, scores_of(rows) if scores is None else scores))
    output.write_run(
        run_id,
        "evaluate",
        "row_scores",
        RowScore,
        rows,
        failures,
        {
            "config": {
                "results": results,
                "references": "references.parquet",
                "kind": "captions",
                **(config or {}),
            },
            "skipped": 0,
            **manifest,
        },
        more_files=(path,),
    )
