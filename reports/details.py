"""What a page holds of its runs: figures over all of their rows, and a sample of the rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.generation_rows import (
    DRAWING,
    GenerationTally,
    read_generation_pictures,
    read_generation_rows,
)
from reports.neighbor_assets import NeighborAssets, look_up
from reports.output_folder import OutputFolder
from reports.pictures import assign_pictures, base64_of, link_captions
from reports.reading import (
    DESCRIBING,
    FailureSample,
    Row,
    RowTally,
    read_failures,
    read_rows,
    read_thumbnails,
)
from reports.rendering import embeddable_json
from reports.row_texts import failure_texts, row_texts, size_of
from reports.vector_rows import VectorTally, read_vector_rows
from schemas.manifest import RunManifest

MOST_ROWS = 10_000
"""Rows of a run in a page; of more, a uniform sample."""

MOST_FAILURES_OF_A_KIND = 200

# Of all runs of a page together. Base64 adds a third to thumbnails; a page stays below 20 MB.
_THUMBNAIL_BYTES = 7_000_000
_ROW_BYTES = 8_000_000
_FAILURE_BYTES = 1_500_000
# Of those for thumbnails and rows, where there are neighbours to be shown.
_NEIGHBOR_PICTURE_BYTES = 2_500_000
_NEIGHBOR_TEXT_BYTES = 1_000_000


@dataclass(slots=True, kw_only=True)
class RunDetails:
    """One run as a page shows it.

    Attributes:
        run: its manifest.
        tally: figures over all of its rows.
        prompt: the prompt that all of its rows share; empty where they differ.
        failures_by_kind: kinds and their counts, the commonest first.
        rows: its sampled rows.
        failures: its sampled failures, by kind.
        rows_shown: rows in the page.
        failures_shown: failures in the page.
        neighbors_problem: why nothing is told of the neighbours but their ids; empty where it is.

    """

    run: RunManifest
    tally: RowTally | VectorTally | GenerationTally
    prompt: str
    failures_by_kind: list[tuple[str, int]]
    rows: list[Row]
    failures: list[Row]
    rows_shown: int = 0
    failures_shown: int = 0
    neighbors_problem: str = ""


def read_details(folder: OutputFolder, runs: Sequence[RunManifest]) -> tuple[list[RunDetails], str]:
    """Read what a page shows of some runs.

    Returns:
        Each run's details, in the order of ``runs``, and the data for the page's script.

    Raises:
        RunError: a table of a run cannot be read.

    """
    details: dict[str, RunDetails] = {}
    thumbnails: dict[str, bytes] = {}
    retrieving = any(run.job == "neighbors" for run in runs)
    left = _THUMBNAIL_BYTES - (_NEIGHBOR_PICTURE_BYTES if retrieving else 0)
    for waiting, run in _smallest_first(runs):
        if run.job in DRAWING:
            own = read_generation_pictures(folder, run, most_bytes=left // waiting)
        else:
            own = read_thumbnails(folder, run.run_id, most_bytes=left // waiting)
        left -= sum(map(len, own.values()))
        thumbnails |= own
        details[run.run_id] = _read_run(folder, run, frozenset(own))
    shown = [details[run.run_id] for run in runs]
    pictures = assign_pictures(
        [row for one in shown for row in (*one.rows, *one.failures)], thumbnails
    )
    near = NeighborAssets()
    for one in shown:
        if one.run.job == "neighbors":
            near = _neighbors(one, thumbnails)
    captions = next((one.rows for one in shown if one.run.job == "caption"), [])
    answers = next((one.rows for one in shown if one.run.job == "answer"), [])
    link_captions(captions, answers)
    texts: dict[str, str] = {}
    left = _ROW_BYTES - (_NEIGHBOR_TEXT_BYTES if retrieving else 0)
    for waiting, run in _smallest_first(runs):
        one = details[run.run_id]
        rows = row_texts(one.rows, left // waiting)
        left -= size_of(rows)
        failures = failure_texts(one.failures, _FAILURE_BYTES // len(runs))
        one.rows_shown, one.failures_shown = len(rows), len(failures)
        texts[run.run_id] = (
            f'{{"job":{embeddable_json(run.job)},"rows":[{",".join(rows)}],'
            f'"failures":[{",".join(failures)}]}}'
        )
    ordered = ",".join(texts[run.run_id] for run in runs)
    assets = embeddable_json(_told(near, pictures))
    return shown, f'{{"runs":[{ordered}],"pictures":{embeddable_json(pictures)},"assets":{assets}}}'


def _neighbors(details: RunDetails, thumbnails: dict[str, bytes]) -> NeighborAssets:
    """What is known of a run's neighbours, which may be among its own rows."""
    own = {
        (row["id"], row["uri"]): thumbnails[row["key"]]
        for row in details.rows
        if row["key"] in thumbnails
    }
    near = look_up(details.rows, own, most_bytes=_NEIGHBOR_PICTURE_BYTES)
    details.neighbors_problem = near.problem
    for row in details.rows:
        del row["index"], row["index_version"]
    return near


def _told(near: NeighborAssets, pictures: list[str]) -> list[tuple[str, Row]]:
    """The neighbours by id, as pairs, for an id may be any text; their pictures join the others."""
    known = {jpeg: index for index, jpeg in enumerate(pictures)}
    for name, jpeg in near.jpegs.items():
        text = base64_of(jpeg)
        if text not in known:
            known[text] = len(pictures)
            pictures.append(text)
        near.assets[name]["picture"] = known[text]
    return [
        (name, {field: value for field, value in row.items() if value != ""})
        for name, row in near.assets.items()
    ]


def _read_run(folder: OutputFolder, run: RunManifest, first: frozenset[str]) -> RunDetails:
    tally: RowTally | VectorTally | GenerationTally
    if run.job in DRAWING:
        tally, rows = read_generation_rows(folder, run, most=MOST_ROWS)
    else:
        read = read_rows if run.job in DESCRIBING else read_vector_rows
        tally, rows = read(folder, run, most=MOST_ROWS, first=first)
    failures = read_failures(folder, run.run_id, most_of_a_kind=MOST_FAILURES_OF_A_KIND)
    return RunDetails(
        run=run,
        tally=tally,
        prompt=_take_common_prompt(rows) or str(run.config.get("prompt") or ""),
        failures_by_kind=_failure_counts(run, failures),
        rows=rows,
        failures=failures.rows,
    )


def _smallest_first(runs: Sequence[RunManifest]) -> Iterable[tuple[int, RunManifest]]:
    """Runs, each with how many still wait: what a small one leaves of its share is theirs."""
    ordered = sorted(runs, key=lambda run: run.counts.rows_out)
    return zip(range(len(runs), 0, -1), ordered, strict=True)


def _take_common_prompt(rows: Sequence[Row]) -> str:
    """Take the prompt from the rows where all have the same; it then stands in the head."""
    prompts = {row.get("prompt") for row in rows}
    if len(prompts) != 1 or None in prompts:
        return ""
    for row in rows:
        del row["prompt"]
    return str(prompts.pop())


def _failure_counts(run: RunManifest, failures: FailureSample) -> list[tuple[str, int]]:
    counts = run.failures_by_kind or failures.by_kind
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
