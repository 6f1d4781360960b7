"""Writing one split as a worker does."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from storage.catalog.split import CatalogFile, RowRange, Split
from storage.parts import Part, SplitRecord
from tests.storage.rows import a_run
from tests.transforms.work import describe_settings, run_settings
from transforms.items import Done, Opened, WindowClosed
from transforms.write_parts import WriteParts

RUN = a_run()


def a_split(rows: int) -> Split:
    return Split(
        split_id="s",
        offset=50,
        file=CatalogFile(uri="/c.csv", identity=""),
        format="csv",
        rows=RowRange(start=10, stop=10 + rows),
    )


def opened(rows: int, *parts: Part) -> Opened:
    return Opened(split=a_split(rows), attempt="now", parts=parts)


def window(position: int, tasks: int, skipped: int = 0, questions_sum: int = 0) -> WindowClosed:
    return WindowClosed(
        position=position, tasks=tasks, skipped=skipped, questions_sum=questions_sum
    )


def writer(out: Path, rate: float = 1.0, **describe: Any) -> WriteParts:
    run = run_settings(out, RUN.run_id, max_failure_rate=rate)
    step = WriteParts(work=describe_settings(**describe), run=run)
    step.setup()
    step.start_bundle()
    return step


def write(step: WriteParts, items: Iterable[Done]) -> list[SplitRecord]:
    return [record for item in items for record in step.process(item)]


def rows_of(out: Path, parts: Sequence[Part], content: str = "rows") -> list[dict[str, Any]]:
    return [
        row
        for part in parts
        if content in part.files
        for row in pq.read_table(io.BytesIO((out / part.files[content]).read_bytes())).to_pylist()
    ]


def ids(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [row["asset_id"] for row in rows]
