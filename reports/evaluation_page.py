"""The page of an evaluation: scores with intervals, slices, distributions, examples, lineage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.evaluation_pictures import find_pictures
from reports.evaluation_rows import (
    EXTREMES,
    MOST_EXAMPLES,
    ScoredRows,
    read_scored_rows,
)
from reports.evaluation_scores import (
    MOST_EARLIER,
    Evaluation,
    as_data,
    metrics_of,
    read_evaluations,
    score_lines,
    slices_of,
    told,
)
from reports.output_folder import OutputFolder, choose_run, write_whole
from reports.page import was_merged
from reports.pictures import assign_pictures
from reports.reading import FailureSample, read_failures
from reports.rendering import embeddable_json, render
from reports.row_texts import failure_texts, row_texts
from reports.value_counts import ValueCounts
from schemas.errors import UsageError
from schemas.manifest import RunManifest
from schemas.score import LOWER_IS_BETTER
from storage.store import open_store
from storage.uris import absolute_uri

JOB = "evaluate"

MOST_SLICES = 1_000
"""Slices in a page."""

_SCRIPTS = ("rows", "cards", "view", "tables", "evaluation")
_FAILURES_OF_A_KIND = 200
_PICTURE_BYTES = 7_000_000
_ROW_BYTES = 8_000_000
_FAILURE_BYTES = 1_500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSummary:
    """What :func:`write_evaluation_page` wrote; as text, a line for the terminal.

    Attributes:
        path: the page.
        run_id: the evaluation.
        scores: metrics of all rows, of slices and of earlier evaluations aside.
        examples: rows in the page, of ``rows``.

    """

    path: str
    run_id: str
    scores: int
    rows: int
    examples: int

    def __str__(self) -> str:
        """For example ``scores/report.html: 7 scores of 1,500 rows, run 20260131-…``."""
        shown = f", {self.examples:,} of them in it" if self.examples < self.rows else ""
        return f"{self.path}: {self.scores} scores of {self.rows:,} rows{shown}, run {self.run_id}"


def is_of_evaluation(out: str, run: str | None = None) -> bool:
    """Whether a run of an output, or the newest one, was an evaluation.

    Raises:
        UsageError: there is no such folder, or a file among the manifests is not one.

    """
    manifests = OutputFolder(out).manifests()
    named = next((one for one in manifests if run in {None, one.run_id}), None)
    return named is not None and named.job == JOB


def write_evaluation_page(
    out: str,
    destination: str | None = None,
    *,
    run: str | None = None,
    allow_private_addresses: bool = False,
) -> EvaluationSummary:
    """Write a page about an evaluation, with the scores of those before it.

    Args:
        out: the output, a local path or a URI.
        destination: the file to write, a local path or a URI; ``OUT/report.html`` by default.
        run: id of the evaluation; by default the newest.
        allow_private_addresses: whether http(s) pictures may come from this machine and private
            networks.

    Raises:
        UsageError: there is no such run, its rows were merged with those of newer ones, or the
            destination's folder is not there.
        RunError: a table cannot be read, or the page cannot be written.

    """
    folder = OutputFolder(out)
    manifests = folder.manifests()
    shown = manifests[0] if run is None else choose_run(manifests, [], run)
    if was_merged(shown):
        raise UsageError(
            f"The rows of run {shown.run_id} were merged with those of newer runs: see calumma "
            "compact. Name a newer run."
        )
    evaluations = read_evaluations(open_store(absolute_uri(out)), shown, manifests)
    evaluation = evaluations[0]
    slices = slices_of(evaluation)[:MOST_SLICES]
    slice_numbers = {name: at for at, name in enumerate(slices)}
    scored = read_scored_rows(folder, shown, slice_numbers, most=MOST_EXAMPLES)
    failures = read_failures(folder, shown.run_id, most_of_a_kind=_FAILURES_OF_A_KIND)
    thumbnails = find_pictures(
        scored.examples,
        shown,
        folder.address,
        most_bytes=_PICTURE_BYTES,
        allow_private_addresses=allow_private_addresses,
    )
    pictures = assign_pictures(scored.examples, thumbnails)
    rows = row_texts(scored.examples, _ROW_BYTES)
    told_failures = failure_texts(failures.rows, _FAILURE_BYTES)
    lines = score_lines(evaluations)
    content = render(
        "evaluation.html",
        scripts=_SCRIPTS,
        styles=("evaluation",),
        out=folder.address,
        run=shown,
        evaluation=evaluation,
        evaluations=evaluations,
        newest=next(one for one in manifests if one.job == JOB),
        metrics=metrics_of(evaluations),
        lines=lines,
        told=told,
        slices=slices,
        slices_left_out=len(slices_of(evaluation)) - len(slices),
        scored=scored,
        failures_by_kind=_failure_counts(shown, failures),
        rows_shown=len(rows),
        failures_shown=len(told_failures),
        extremes=EXTREMES,
        most_earlier=MOST_EARLIER,
        data=_data(evaluations, slices, scored, rows, told_failures, pictures),
    )
    path = destination if destination is not None else f"{out.rstrip('/')}/report.html"
    write_whole(path, content.encode())
    return EvaluationSummary(
        path=path,
        run_id=shown.run_id,
        scores=len(lines),
        rows=scored.rows,
        examples=len(rows),
    )


def _failure_counts(run: RunManifest, failures: FailureSample) -> list[tuple[str, int]]:
    counts = run.failures_by_kind or failures.by_kind
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _data(
    evaluations: Sequence[Evaluation],
    slices: Sequence[str],
    scored: ScoredRows,
    rows: Sequence[str],
    failures: Sequence[str],
    pictures: Sequence[str],
) -> str:
    """What the page's script works on, as JSON."""
    metrics = metrics_of(evaluations)
    alike = next((one for one in evaluations[1:] if one.like_shown), None)
    evaluation = {
        "run": evaluations[0].run.run_id,
        "metrics": metrics,
        "slices": slices,
        "scores": as_data(evaluations[0], metrics, slices),
        "before": as_data(alike, metrics, slices) if alike else [],
        "earlier": [{**_lineage(one), "scores": as_data(one, metrics, [])} for one in evaluations],
        "histograms": [_histogram(name, counts) for name, counts in scored.counts.items()],
    }
    names = list(scored.counts)
    tops = [counts.bins() for counts in scored.counts.values()]
    listed = (
        f'{{"job":"{JOB}","scores":{embeddable_json(names)},'
        f'"descending":{embeddable_json([name in LOWER_IS_BETTER for name in names])},'
        f'"tops":{embeddable_json([bins[-1].high if bins else None for bins in tops])},'
        f'"pictured":{embeddable_json(any(row["uri"] for row in scored.examples))},'
        f'"rows":[{",".join(rows)}],"failures":[{",".join(failures)}]}}'
    )
    return (
        f'{{"runs":[{listed}],"pictures":{embeddable_json(list(pictures))},"assets":[],'
        f'"evaluation":{embeddable_json(evaluation)}}}'
    )


def _lineage(evaluation: Evaluation) -> Mapping[str, object]:
    run = evaluation.run
    return {
        "run": run.run_id,
        "started": run.started,
        "model": run.model,
        "revision": run.revision,
        "results": str(run.config.get("results", "")),
        "references": evaluation.references,
        "rows": run.counts.rows_out,
    }


def _histogram(name: str, counts: ValueCounts) -> dict[str, Any]:
    return {"name": name, "bins": [[one.low, one.high, one.count] for one in counts.bins()]}
