"""The report page: one self-contained HTML file about one run, with a table of all runs."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.output_folder import OutputFolder
    from reports.reading import FailureSample, Row
    from schemas.manifest import RunManifest

MOST_ROWS = 10_000
"""Rows embedded in a page; of more, a uniform sample."""

MOST_FAILURES_OF_A_KIND = 200

# Base64 adds a third; thumbnails, rows and failures together keep a page below 20 MB.
_THUMBNAIL_BYTES = 8_000_000
_ROW_BYTES = 6_500_000
_FAILURE_BYTES = 1_500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSummary:
    """What :func:`write_report` wrote.

    Attributes:
        path: the page.
        run_id: the run it shows in detail; empty where no run has finished.
        rows: captions or answers in the page.
        failures: failures in the page.

    """

    path: str
    run_id: str
    rows: int
    failures: int


def write_report(
    out: str, destination: str | None = None, *, run: str | None = None
) -> ReportSummary:
    """Write a page about a run of an output folder.

    Args:
        out: the output folder, a local path or a URI.
        destination: the file to write, a local path or a URI; ``OUT/report.html`` by default.
        run: id of the run to show in detail; by default the newest that gave rows.

    Raises:
        UsageError: there is no such folder or run, or a manifest cannot be read.
        RunError: a table of the run cannot be read.

    """
    from reports.output_folder import OutputFolder, choose_run, write_whole
    from reports.rendering import render

    folder = OutputFolder(out)
    manifests = folder.manifests()
    unfinished = folder.unfinished_runs(manifests)
    if run is not None:
        shown: RunManifest | None = choose_run(manifests, unfinished, run)
    else:
        # A run that found nothing new has nothing to show: look at the last one that did.
        described = [manifest for manifest in manifests if manifest.counts.rows_out]
        shown = next(iter(described or manifests), None)
    context: dict[str, Any] = {"out": out, "manifests": manifests, "unfinished": unfinished}
    rows_shown = failures_shown = 0
    data = "{}"
    if shown is not None:
        details, data, rows_shown, failures_shown = _details(folder, shown)
        context |= details
    path = destination if destination is not None else f"{out.rstrip('/')}/report.html"
    write_whole(path, render(data=data, run=shown, **context).encode())
    return ReportSummary(
        path=path,
        run_id=shown.run_id if shown else "",
        rows=rows_shown,
        failures=failures_shown,
    )


def _details(folder: "OutputFolder", run: "RunManifest") -> tuple[dict[str, Any], str, int, int]:
    from reports.reading import read_failures, read_rows, read_thumbnails
    from reports.rendering import embeddable_json

    thumbnails = read_thumbnails(folder, run.run_id, most_bytes=_THUMBNAIL_BYTES)
    tally, rows = read_rows(folder, run, most=MOST_ROWS, first=frozenset(thumbnails))
    failures = read_failures(folder, run.run_id, most_of_a_kind=MOST_FAILURES_OF_A_KIND)
    prompt = _take_common_prompt(rows)
    pictures = _assign_pictures([*rows, *failures.rows], thumbnails)
    rows_json = _within(rows, _ROW_BYTES)
    failures_json = [
        text
        for _, some in groupby(failures.rows, key=itemgetter("kind"))
        for text in _within(some, _FAILURE_BYTES // len(failures.by_kind))
    ]
    data = (
        f'{{"job":{embeddable_json(run.job)},"rows":[{",".join(rows_json)}],'
        f'"failures":[{",".join(failures_json)}],"pictures":{embeddable_json(pictures)}}}'
    )
    context = {
        "tally": tally,
        "prompt": prompt or run.config.get("prompt") or "",
        "failures_by_kind": _failure_counts(run, failures),
        "rows_shown": len(rows_json),
        "failures_shown": len(failures_json),
    }
    return context, data, len(rows_json), len(failures_json)


def _take_common_prompt(rows: "Sequence[Row]") -> str:
    """Take the prompt from the rows where all have the same; it then stands in the head."""
    prompts = {row["prompt"] for row in rows}
    if len(prompts) != 1:
        return ""
    for row in rows:
        del row["prompt"]
    return str(prompts.pop())


def _assign_pictures(rows: "Iterable[Row]", thumbnails: Mapping[str, bytes]) -> list[str]:
    """Give each row with a thumbnail its index; rows of one asset share one. Returns base64."""
    rows = list(rows)
    pictures: list[str] = []
    by_asset: dict[str, int] = {}
    for row in rows:
        asset = row["id"] or row["key"]  # rows without an id have nothing in common
        if row["key"] in thumbnails and asset not in by_asset:
            by_asset[asset] = len(pictures)
            pictures.append(base64.b64encode(thumbnails[row["key"]]).decode())
    for row in rows:
        asset = row["id"] or row["key"]
        if asset in by_asset:
            row["picture"] = by_asset[asset]
    return pictures


def _failure_counts(run: "RunManifest", failures: "FailureSample") -> list[tuple[str, int]]:
    counts = run.failures_by_kind or failures.by_kind
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _within(rows: "Iterable[Row]", most_bytes: int) -> list[str]:
    """Turn rows into JSON until they are ``most_bytes`` together."""
    from reports.rendering import embeddable_json

    texts = []
    total = 0
    for row in rows:
        text = embeddable_json(
            {name: value for name, value in row.items() if value not in ("", [], None)}
        )
        total += len(text.encode())
        if total > most_bytes:
            break
        texts.append(text)
    return texts
