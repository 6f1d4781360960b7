"""Runs of an output on the terminal: a table of all, or one in full; as text or as JSON."""

import json as json_format
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from reports.output_folder import UnfinishedRun
    from reports.reading import FailureSample
    from schemas.manifest import RunManifest

# Where the text goes to a file or a pipe there is no width to fit: rows then stay whole.
_WIDTH_OF_A_FILE = 200


def print_runs(out: str, *, json: bool = False) -> None:
    """Print a table of an output's runs, the newest first, unfinished ones included.

    Args:
        out: the output folder, a local path or a URI.
        json: print a JSON array of objects instead, one a run.

    Raises:
        UsageError: there is no such folder, or it holds no runs.
    """
    from reports.output_folder import OutputFolder
    from schemas.errors import UsageError

    folder = OutputFolder(out)
    manifests = folder.manifests()
    unfinished = folder.unfinished_runs(manifests)
    if not manifests and not unfinished:
        raise UsageError(f"{out} holds no runs: there is neither a finished nor an unfinished one.")
    if json:
        _print_json([*map(_brief_unfinished, unfinished), *map(_brief_fields, manifests)])
        return
    _print_table(manifests, unfinished)


def print_run(out: str, run_id: str, *, json: bool = False) -> None:
    """Print one run in full, with its failures by kind and an example message of each.

    Args:
        out: the output folder, a local path or a URI.
        run_id: the run; an unfinished one is printed with what is known of it.
        json: print a JSON object instead: the manifest's fields, ``duration_seconds``,
            ``rows_per_second`` and ``failure_examples``.

    Raises:
        UsageError: there is no such folder or no such run.
        RunError: the run's failures cannot be read.
    """
    from reports.output_folder import OutputFolder, choose_run
    from reports.reading import read_failures

    folder = OutputFolder(out)
    manifests = folder.manifests()
    unfinished = folder.unfinished_runs(manifests)
    for run in unfinished:
        if run.run_id == run_id:
            if json:
                _print_json(_unfinished_fields(run))
            else:
                _print_unfinished(run)
            return
    manifest = choose_run(manifests, unfinished, run_id)
    failures = read_failures(folder, run_id, most_of_a_kind=1)
    if json:
        examples = {row["kind"]: row["message"] for row in failures.rows}
        _print_json(asdict(manifest) | _speed_fields(manifest) | {"failure_examples": examples})
    else:
        _print_manifest(manifest, failures)


def _brief_fields(manifest: "RunManifest") -> dict[str, Any]:
    return {
        "run_id": manifest.run_id,
        "job": manifest.job,
        "state": manifest.state,
        "started": manifest.started,
        **_speed_fields(manifest),
        **asdict(manifest.counts),
        "rows_left": manifest.rows_left,
        "model": manifest.model,
        "revision": manifest.revision,
    }


def _speed_fields(manifest: "RunManifest") -> dict[str, Any]:
    seconds = manifest.finished - manifest.started
    return {
        "duration_seconds": seconds,
        "rows_per_second": manifest.counts.rows_out / seconds if seconds > 0 else None,
    }


def _brief_unfinished(run: "UnfinishedRun") -> dict[str, Any]:
    fields = _unfinished_fields(run)
    del fields["config"]
    return fields


def _unfinished_fields(run: "UnfinishedRun") -> dict[str, Any]:
    return asdict(run) | {"state": "unfinished"}


def _print_table(manifests: "Iterable[RunManifest]", unfinished: "Iterable[UnfinishedRun]") -> None:
    from rich import box
    from rich.table import Table

    from reports.formatting import DASH, duration, moment, number

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Run", "Job", "State", "Started"):
        table.add_column(name, overflow="fold")
    for name in ("Duration", "In", "Out", "Failed", "Skipped"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Model", overflow="fold")
    for run in unfinished:
        cells = [run.run_id, run.job, "unfinished", moment(run.started), *[DASH] * 5, run.model]
        table.add_row(*map(_text, cells), style="bold")
    for manifest in manifests:
        counts = manifest.counts
        cells = [
            manifest.run_id,
            manifest.job,
            manifest.state,
            moment(manifest.started),
            duration(manifest.finished - manifest.started),
            number(counts.rows_in),
            number(counts.rows_out),
            number(counts.failed),
            number(counts.skipped),
            manifest.model,
        ]
        table.add_row(*map(_text, cells))
    _console().print(table)


def _print_unfinished(run: "UnfinishedRun") -> None:
    from reports.formatting import moment, settings

    _print_pairs(
        [
            ("Run", run.run_id),
            ("Job", run.job),
            ("State", "unfinished: in flight, or interrupted"),
            ("Started", moment(run.started)),
            ("Model", run.model),
            ("Revision", run.revision),
            *((f"  {name}", value) for name, value in settings(run.config)),
        ]
    )


def _print_manifest(manifest: "RunManifest", failures: "FailureSample") -> None:
    from reports.formatting import duration, moment, number, percent, rate, settings

    counts = manifest.counts
    seconds = manifest.finished - manifest.started
    tried = counts.failed + counts.rows_out
    left = [("Not reached", number(manifest.rows_left))] if manifest.rows_left else []
    _print_pairs(
        [
            ("Run", manifest.run_id),
            ("Job", manifest.job),
            ("State", manifest.state),
            ("Started", moment(manifest.started)),
            ("Finished", moment(manifest.finished)),
            ("Duration", f"{duration(seconds)}, {rate(counts.rows_out, seconds)} rows out / s"),
            ("Rows in", number(counts.rows_in)),
            ("Out", number(counts.rows_out)),
            ("Failed", f"{number(counts.failed)} ({percent(counts.failed, tried)} of those tried)"),
            ("Skipped", number(counts.skipped)),
            *left,
            ("Model", manifest.model),
            ("Revision", manifest.revision),
            ("Commit", str(manifest.commit)),
            ("Files", number(len(manifest.files))),
        ]
    )
    _print_pairs([(name, value) for name, value in settings(manifest.config)], "Settings")
    _print_pairs([(name, value) for name, value in settings(manifest.versions)], "Versions")
    by_kind = manifest.failures_by_kind or failures.by_kind
    examples = {row["kind"]: row["message"] for row in failures.rows}
    _print_pairs(
        [
            (f"{number(count)} {kind}", examples.get(kind, ""))
            for kind, count in sorted(by_kind.items(), key=lambda item: (-item[1], item[0]))
        ],
        "Failures by kind, with an example",
    )


def _print_pairs(pairs: Iterable[tuple[str, str]], title: str = "") -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold", style="dim")
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(_text(name), _text(value))
    if not grid.row_count:
        return
    console = _console()
    if title:
        console.print(Text(f"\n{title}", style="bold"))
    console.print(grid)


def _text(value: str) -> Any:
    """A cell: never read as markup, and without what a terminal would obey."""
    from rich.text import Text

    from reports.formatting import printable

    return Text(printable(value))


def _console() -> "Console":
    from rich.console import Console

    return Console(
        width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE, highlight=False, emoji=False
    )


def _print_json(value: object) -> None:
    sys.stdout.write(json_format.dumps(value, indent=2) + "\n")
