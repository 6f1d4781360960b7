"""Running a job for a command: where it is to run, and what is told of it."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipelines.config import JobConfig
from pipelines.open_engine import open_engine
from pipelines.where import WhereConfig
from storage.uris import absolute_uri

if TYPE_CHECKING:
    from pipelines.dry_run import DryRun
    from schemas.manifest import RunManifest

_WHERE = WhereConfig()


def run_job(
    catalog: str,
    out: str,
    config: JobConfig,
    where: WhereConfig = _WHERE,
    *,
    dry: bool = False,
    as_json: bool = False,
    report: bool = True,
) -> int:
    """Run a job, or say what it would do; give the exit code.

    Args:
        dry: whether to say so only.
        as_json: whether to print JSON, and no progress.
        report: whether to name the next command.

    Raises:
        CalummaError: it cannot be run, or failed.
    """
    if dry:
        from pipelines.dry_run import dry_run

        _tell_dry_run(dry_run(catalog, out, config, where.engine()), as_json=as_json)
        return 0
    with open_engine(where.engine(), config.reaches(catalog), out) as engine:
        from pipelines.launch import hand_over, launch
        from pipelines.progress import Progress

        if not engine.waits:
            run_id = hand_over(catalog, out, config, engine)
            tell(f"Run {run_id} was handed over. Then: calumma runs {out} {run_id}")
            return 0
        manifest, tally = launch(catalog, out, config, engine, Progress(quiet=as_json))
    from pipelines.summary import nothing_succeeded, print_summary
    from pipelines.watch_commands import alarm_lines, watch_finished

    watched = watch_finished(out, manifest)
    if as_json:
        alarms = watched.as_json()["alarms"] if watched else []
        tell(json.dumps({**_as_json(manifest, out), "alarms": alarms}))
    else:
        print_summary(manifest, tally, out, suggest_report=report)
        for line in alarm_lines(watched):
            tell(line)
    return 0 if manifest.state == "done" and not nothing_succeeded(manifest) else 1


def _as_json(manifest: "RunManifest", out: str) -> dict[str, object]:
    """A manifest as JSON, with what was found where a job looks for something."""
    if manifest.job == "reconstruct":
        from storage.reconstructions import read_quality

        return {**asdict(manifest), "quality": asdict(read_quality(absolute_uri(out), manifest))}
    if manifest.job == "filter":
        from storage.store import open_store
        from storage.verdict_record import read_verdicts

        verdicts = read_verdicts(open_store(absolute_uri(out)), manifest.commit)
        return {**asdict(manifest), "verdicts": asdict(verdicts) if verdicts else None}
    if manifest.job != "duplicates":
        return asdict(manifest)
    from storage.duplicates.record import read_record
    from storage.store import open_store

    record = read_record(open_store(absolute_uri(out)), manifest.commit)
    return {**asdict(manifest), "duplicates": asdict(record) if record else None}


def _tell_dry_run(found: "DryRun", *, as_json: bool) -> None:
    if as_json:
        tell(json.dumps(asdict(found)))
        return
    for name in ("catalog", "out", "model", "revision", "prompt"):
        if value := getattr(found, name):
            tell(f"{name + ':':<10}{value}")
    tell(f"{'to do:':<10}{found.to_do} rows, into {found.table}")
    tell(f"{'skipped:':<10}{found.skipped} rows")
    for problem in found.unreadable:
        tell(f"unreadable: {problem}")
    tell(f"{'runner:':<10}{found.runner}")
    for name, value in found.resources.items():
        tell(f"  {name}: {value}")
    tell("stages:")
    for number, stage in enumerate(found.stages, 1):
        tell(f"  {number}. {stage}")
    if found.request:
        tell("request (whole with --json):")
        for name, value in found.request.items():
            tell(f"  {name}: {value}")


def tell_json(value: object) -> None:
    """Print a value as JSON on standard output."""
    tell(json.dumps(value))


def tell(text: str) -> None:
    """Print a text on standard output."""
    print(text, flush=True)  # noqa: T201
