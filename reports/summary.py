"""Runs of an output on the terminal: a table of all, or one in full; as text or as JSON."""

import json as json_format
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.output_folder import UnfinishedRun
    from reports.reading import FailureSample
    from schemas.manifest import RunManifest


def print_runs(out: str, *, json: bool = False) -> None:
    """Print a table of an output's runs, the newest first, unfinished ones included.

    Args:
        out: the output folder, a local path or a URI.
        json: print a JSON array of objects instead, one a run.

    Raises:
        UsageError: there is no such folder, or it holds no runs.
    """
    from reports.output_folder import OutputFolder
    from reports.terminal import print_table

    manifests, unfinished = OutputFolder(out).runs()
    if json:
        _print_json([*map(_brief_unfinished, unfinished), *map(_brief_fields, manifests)])
        return
    print_table([*map(_unfinished_cells, unfinished), *map(_cells, manifests)])


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
    manifests = folder.all_manifests()
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


def _unfinished_cells(run: "UnfinishedRun") -> list[str]:
    from reports.formatting import DASH, moment

    started = moment(run.started).removesuffix(" UTC")
    return [run.run_id, run.job, "unfinished", started, *[DASH] * 5, run.model]


def _cells(manifest: "RunManifest") -> list[str]:
    from reports.formatting import duration, moment, number

    counts = manifest.counts
    return [
        manifest.run_id,
        manifest.job,
        manifest.state,
        moment(manifest.started).removesuffix(" UTC"),
        duration(manifest.finished - manifest.started),
        number(counts.rows_in),
        number(counts.rows_out),
        number(counts.failed),
        number(counts.skipped),
        manifest.model,
    ]


def _print_unfinished(run: "UnfinishedRun") -> None:
    from reports.formatting import moment, settings
    from reports.terminal import print_pairs

    print_pairs(
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
    from reports.terminal import print_pairs

    counts = manifest.counts
    seconds = manifest.finished - manifest.started
    tried = counts.failed + counts.rows_out
    left = [("Not reached", number(manifest.rows_left))] if manifest.rows_left else []
    print_pairs(
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
    print_pairs([(name, value) for name, value in settings(manifest.config)], "Settings")
    print_pairs([(name, value) for name, value in settings(manifest.versions)], "Versions")
    by_kind = manifest.failures_by_kind or failures.by_kind
    examples = {row["kind"]: row["message"] for row in failures.rows}
    print_pairs(
        [
            (f"{number(count)} {kind}", examples.get(kind, ""))
            for kind, count in sorted(by_kind.items(), key=lambda item: (-item[1], item[0]))
        ],
        "Failures by kind, with an example",
    )


def _print_json(value: object) -> None:
    sys.stdout.write(json_format.dumps(value, indent=2) + "\n")
