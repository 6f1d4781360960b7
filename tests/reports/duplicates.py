"""Outputs of a search for duplicates, with clusters that a test chooses."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from schemas.arrow import to_table
from schemas.duplicate import Duplicate, Why
from schemas.manifest import Counts, RunManifest
from storage.duplicates.record import DuplicatesRecord
from storage.layout import duplicates_path

RUN = "20260101-000000-aaaaaa"

Cluster = tuple[Sequence[str], Sequence[float]]
"""Pictures, the kept one first, and how far each is from it; 0 for the same pixels."""


def rows_of(number: int, cluster: Cluster) -> list[Duplicate]:
    pictures, differences = cluster
    names = [f"{number:03d}-{place}" for place in range(len(pictures))]
    return [
        Duplicate(
            asset_id=name,
            uri=uri,
            kept_id=names[0],
            kept=place == 0,
            why=(Why.KEPT if place == 0 else Why.NEAR if difference else Why.PIXELS).value,
            difference=difference,
            similarity=0.95,
            cluster_size=len(pictures),
        )
        for place, (name, uri, difference) in enumerate(
            zip(names, pictures, differences, strict=True)
        )
    ]


def write_duplicates(
    out: Path, clusters: Sequence[Cluster], catalog: str = "/photos", files: int = 1
) -> str:
    """Write the output of a search that found clusters, a row each of its pictures."""
    rows = [rows_of(number, cluster) for number, cluster in enumerate(clusters)]
    paths = []
    for file in range(files):
        path = f"duplicates/run={RUN}/part-{file}.parquet"
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        flat = [row for some in rows for row in some]
        share = -(-len(flat) // files)
        part = to_table(Duplicate, flat[file * share : (file + 1) * share])
        pq.write_table(part, out / path)
        paths.append(path)
    every = [row for some in rows for row in some]
    left_out = {why.value: sum(row.why == why for row in every) for why in list(Why)[1:]}
    record = DuplicatesRecord(
        commit=1,
        token="",
        run_id=RUN,
        model="some-model",
        revision="r1",
        max_difference=6.0,
        min_similarity=0.9,
        pictures=1000,
        clusters=len(clusters),
        kept=1000 - sum(left_out.values()),
        left_out=left_out,
        files=tuple(paths),
        keep_list="",
    )
    manifest = RunManifest(
        run_id=RUN,
        job="duplicates",
        state="done",
        config={"catalog": catalog},
        table="signatures",
        model="some-model",
        revision="r1",
        versions={},
        counts=Counts(rows_in=1000, rows_out=1000),
        rows_left=0,
        failures_by_kind={},
        started=0.0,
        finished=1.0,
        commit=1,
        files=(),
    )
    for path, content in ((duplicates_path(1), record), (f"_runs/{RUN}.json", manifest)):
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(json.dumps(dataclasses.asdict(content)))
    return str(out)
