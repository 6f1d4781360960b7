"""Nights of a caption job, simulated: rows as a model might write them, in an output's tables."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from reports.nightly.statistics import RunStatistics
from schemas.arrow import to_table
from schemas.description import Caption
from schemas.manifest import Counts, RunManifest

_SIZES = ["tiny", "small", "large", "huge"]
_COLOURS = ["red", "blue", "green", "yellow", "black", "white", "grey", "brown"]
_THINGS = ["circle", "square", "dog", "cat", "car", "tree", "house", "boat", "chair", "lamp"]
_PLACES = [
    "on the grass",
    "in a room",
    "near the sea",
    "under a bridge",
    "with a child",
    "of the old town",
]
_SOURCES = ("web", "archive", "studio", "phone")

Row = dict[str, Any]
Change = Callable[[list[Row], np.random.Generator], list[Row]]


def as_it_is(rows: list[Row], _: np.random.Generator) -> list[Row]:
    """An ordinary night."""
    return rows


def write_night(
    out: Path,
    number: int,
    generator: np.random.Generator,
    change: Change = as_it_is,
    *,
    only_failed: bool = False,
) -> str:
    """Add a committed run of some hundred captions; nights differ as nights do. Gives its id."""
    count = int(generator.integers(250, 420))
    weights = generator.dirichlet(np.array([40, 30, 20, 10]) * 20)
    confidence = -0.4 + generator.normal(0, 0.01)
    rows = change(
        [_row(number, place, generator, weights, confidence) for place in range(count)], generator
    )
    failed = int(generator.binomial(count, 0.02))
    run_id = f"202601{number:02d}-000000-aaaaaa"
    path = f"captions/run={run_id}/part-0.parquet"
    (out / path).parent.mkdir(parents=True)
    pq.write_table(to_table(Caption, [Caption(**row) for row in rows]), out / path)
    manifest = RunManifest(
        run_id=run_id,
        job="caption",
        state="done",
        config={"only_failed": only_failed},
        table="captions",
        model="m",
        revision="r",
        versions={},
        counts=Counts(rows_in=len(rows) + failed, rows_out=len(rows), failed=failed),
        failures_by_kind={"timeout": failed} if failed else {},
        started=0.0,
        finished=float(count / 20 * np.exp(generator.normal(0, 0.05))),
        commit=number,
        files=(path,),
    )
    (out / "_runs").mkdir(exist_ok=True)
    (out / "_runs" / f"{run_id}.json").write_text(json.dumps(asdict(manifest)))
    return run_id


def statistics(counts: list[int], rows: int, seconds: float = 1.0) -> RunStatistics:
    """Figures of a night in which so many rows failed in each of some ways."""
    return RunStatistics(
        version=1,
        run_id="",
        job="caption",
        tried=rows,
        read=rows,
        seconds=seconds,
        shares={f"failed: {number}": (count, rows) for number, count in enumerate(counts)},
        means={},
        slices={},
    )


def taken(rows: int, generator: np.random.Generator, a_second: float = 50.0) -> float:
    """Seconds of a night: 15 are fixed."""
    return float((15 + rows / a_second) * np.exp(generator.normal(0, 0.03)))


def _row(
    number: int, place: int, generator: np.random.Generator, weights: Any, confidence: float
) -> Row:
    def one(names: Any) -> str:
        return str(names[generator.integers(len(names))])

    text = (
        f"a {one(_SIZES)} {one(_COLOURS)} {one(_THINGS)} and a {one(_COLOURS)} {one(_THINGS)} "
        f"{one(_PLACES)}"
    )
    source = str(generator.choice(_SOURCES, p=weights))
    return {
        "key": f"{number:016x}{place:016x}",
        "asset_id": f"{number}-{place}",
        "uri": f"/pictures/{source}/{place}.jpg",
        "prompt": "",
        "text": text,
        "mean_logprob": float(confidence + generator.normal(0, 0.15)),
        "finish_reason": "length" if generator.random() < 0.01 else "stop",
        "token_count": len(text.split()) + 2,
        "references": (),
        "neighbors": (),
        "sha256": "",
        "model": "m",
        "revision": "r",
        "attributes": json.dumps({"source": source, "number": place}),
    }
