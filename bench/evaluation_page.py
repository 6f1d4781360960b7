"""What the page of an evaluation takes to write, and how fast it is in a browser.

``python -m bench.evaluation_page --rows 10000 1000000``: writes the tables of an evaluation with so
many rows, of which 10,000 stand in the page, and the page, each in a process of its own; prints
seconds of processor time and the peak of memory. Then it opens the page in headless Chromium and
prints milliseconds until it answers, and for each of some searches, orders and pages until the list
is laid out.
"""

import argparse
import json
import math
import multiprocessing
import resource
import shutil
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from playwright.sync_api import Browser, sync_playwright

from reports.evaluation_page import write_evaluation_page
from schemas.arrow import to_table
from schemas.manifest import Counts, RunManifest
from schemas.score import ALL, RowScore, Score

_RUN = "20260301-020000-aaaaaa"
_ROWS_OF_A_PART = 10_000
_SEARCHES = ("a", "as", "caption 77", "reference 4321", "no such", "")
_MEASURED = """async () => {
  const form = document.forms[0], found = [];
  for (const [name, value] of STEPS) {
    form.elements[name].value = value;
    const start = performance.now();
    form.dispatchEvent(new Event("input", { bubbles: true }));
    document.body.offsetHeight;
    found.push([`${name} “${value}”`, performance.now() - start]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const start = performance.now();
  document.querySelector("[data-step='1']").click();
  document.body.offsetHeight;
  return [...found, ["next page", performance.now() - start]];
}"""


def write(out: Path, rows: int) -> None:
    """Write the tables of an evaluation."""
    some = [
        RowScore(
            key="",
            asset_id=f"asset-{number:05d}",
            question_id="",
            text=f"caption {number}",
            references=(f"reference {number}", "another"),
            metrics=("cider_d", "rouge_l"),
            scores=np.array([number * 37 % 101 / 20, math.nan if number % 10 else 0.5]),
            slices=(f"shelf={number % 30}",),
            uri="",
            model="some-model",
            revision="r1",
            attributes="{}",
        )
        for number in range(_ROWS_OF_A_PART)
    ]
    table = to_table(RowScore, some)
    chance = np.random.default_rng(1)
    files = [
        f"row_scores/run={_RUN}/part-{part:05d}.parquet"
        for part in range(-(-rows // _ROWS_OF_A_PART))
    ]
    for path in files:
        words = chance.integers(0, 2**63, (len(table), 2)).tolist()
        keys = pa.array([f"{first:016x}{second:016x}" for first, second in words])
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.set_column(0, table.schema.field(0), keys), out / path)
    scores = [
        Score(
            metric=metric,
            slice=name,
            value=0.5,
            low=0.4,
            high=0.6,
            count=rows,
            model="",
            revision="",
        )
        for metric in ("cider_d", "rouge_l")
        for name in (ALL, *(f"shelf={shelf}" for shelf in range(30)))
    ]
    files.append(f"scores/run={_RUN}/part-00000.parquet")
    (out / files[-1]).parent.mkdir(parents=True)
    pq.write_table(to_table(Score, scores), out / files[-1])
    manifest = RunManifest(
        run_id=_RUN,
        job="evaluate",
        state="done",
        config={"results": "results.parquet", "kind": "captions"},
        table="row_scores",
        model="some-model",
        revision="r1",
        versions={},
        counts=Counts(rows_in=rows, rows_out=rows),
        started=0.0,
        finished=1.0,
        commit=1,
        files=tuple(files),
    )
    (out / "_runs").mkdir()
    (out / "_runs" / f"{_RUN}.json").write_text(json.dumps(asdict(manifest)))


def write_page(out: Path) -> None:
    """Write the page and tell what it took."""
    start, used = time.perf_counter(), time.process_time()
    summary = write_evaluation_page(str(out))
    used, took = time.process_time() - used, time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = (out / "report.html").stat().st_size / 1e6
    print(
        f"{summary.rows:,} rows: {used:.1f} s of processor time, {took:.1f} s in all, "
        f"{peak:.0f} MiB at most, a page of {size:.1f} MB with {summary.examples:,} rows"
    )


def look(browser: Browser, page_file: Path, width: int) -> None:
    """Open the page and tell how long it takes to answer."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(f"file://{page_file}")
    ready = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    steps = [
        *(("search", text) for text in _SEARCHES),
        *(("sort", one) for one in ("best", "id", "worst")),
    ]
    measured = page.evaluate(_MEASURED.replace("STEPS", json.dumps(steps)))
    print(f"{width} pixels wide: answers after {ready:.0f} ms")
    for what, milliseconds in measured:
        print(f"  {what:24} {milliseconds:6.1f} ms")
    page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for rows in asked.rows:
            out = Path(folder) / "out"
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            write(out, rows)
            process = multiprocessing.get_context("spawn").Process(target=write_page, args=(out,))
            process.start()
            process.join()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            for width in (1280, 400):
                look(browser, out / "report.html", width)
            browser.close()


if __name__ == "__main__":
    main()
