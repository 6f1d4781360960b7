"""The command line. Jobs are imported when they run, so that help answers at once."""

import importlib.metadata
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
from cyclopts import App, Parameter
from cyclopts.exceptions import MissingArgumentError, UnusedCliTokensError

from pipelines.config import AnswerConfig, CaptionConfig
from pipelines.config_file import take_config_file
from pipelines.open_engine import open_engine
from pipelines.package_commands import package_app
from pipelines.where import WhereConfig, take_beam_options
from schemas.errors import CalummaError, UsageError

if TYPE_CHECKING:
    from pipelines.dry_run import DryRun

_FLAT = Parameter(name="*")
# Taken out of the arguments before the rest is read, for its values stand behind theirs.
_CONFIG_FILE = Parameter(name="--config", metavar="FILE.toml")
_CAPTION = CaptionConfig()
_WHERE = WhereConfig()
_EXIT_CODES = (
    "Exit codes: 0 done, 1 failed or stopped by the failure limit, 2 wrong command or catalog, "
    "130 or 143 ended early; the same command goes on."
)


def _shown(default: object) -> str | None:
    """How help shows a default: not at all where it says nothing."""
    return None if default in ("", (), None, False) else str(default)


app = App(
    name="calumma",
    help=(
        "Caption pictures and answer questions about them, over whole catalogs, into Parquet.\n\n"
        "Try it: calumma demo"
    ),
    help_format="plaintext",
    version=lambda: importlib.metadata.version("calumma"),
    version_flags=["--version"],
    default_parameter=Parameter(negative=(), show_default=_shown),
)


app.command(package_app)


@app.command(help_epilogue=_EXIT_CODES)
def caption(
    catalog: str,
    out: str,
    *,
    config: Annotated[CaptionConfig, _FLAT] = _CAPTION,
    where: Annotated[WhereConfig, _FLAT] = _WHERE,
    config_file: Annotated[Path | None, _CONFIG_FILE] = None,  # noqa: ARG001 - for the help
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Caption every picture of a catalog that is not captioned yet.

    Examples:
    calumma caption photos/ out/

    calumma caption s3://bucket/catalog.parquet s3://bucket/out --model Qwen/Qwen2.5-VL-3B-Instruct

    calumma caption "shards/*.tar" out/ --style long --limit 100 --dry-run

    Parameters
    ----------
    catalog
        Parquet, CSV, JSON lines or WebDataset tar; a folder of pictures; or a glob in quotes.
    out
        Folder for the results: local, s3://, gs:// or az://.
    config_file
        Take options from this TOML file; options given here win over it.
    dry_run
        Say what would be done and do nothing.
    json
        Print the result as JSON and no progress.
    """
    return _describe(catalog, out, config, where, dry=dry_run, as_json=json)


@app.command(help_epilogue=_EXIT_CODES)
def answer(
    catalog: str,
    out: str,
    *,
    config: Annotated[AnswerConfig | None, _FLAT] = None,
    where: Annotated[WhereConfig, _FLAT] = _WHERE,
    config_file: Annotated[Path | None, _CONFIG_FILE] = None,  # noqa: ARG001 - for the help
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Answer questions about the pictures of a catalog.

    Examples:
    calumma answer photos/ out/ --question "Is there a person?" --question "What season is it?"

    calumma answer catalog.parquet out/ --questions questions.csv

    Parameters
    ----------
    catalog
        Parquet, CSV, JSON lines or WebDataset tar; a folder of pictures; or a glob in quotes.
    out
        Folder for the results: local, s3://, gs:// or az://.
    config_file
        Take options from this TOML file; options given here win over it.
    dry_run
        Say what would be done and do nothing.
    json
        Print the result as JSON and no progress.
    """
    return _describe(catalog, out, config or AnswerConfig(), where, dry=dry_run, as_json=json)


@app.command
def demo(out: str = "calumma-demo") -> int:
    """Caption 1,000 test pictures of easy-VQA, answer questions about them, write the page.

    Example: calumma demo

    Parameters
    ----------
    out
        Folder for the results.
    """
    from pipelines.demo import write_demo_catalog
    from reports.page import write_report

    catalog, questions = write_demo_catalog(Path(out) / "catalog")
    results = str(Path(out) / "results")
    code = _describe(str(catalog), results, CaptionConfig(), report=False)
    code = code or _describe(
        str(catalog), results, AnswerConfig(questions=str(questions)), report=False
    )
    page = write_report(results)
    _print(f"\nOpen the page: {page.path}")
    _print(f"Next: calumma caption YOUR_FOLDER {Path(out) / 'yours'} --model MODEL")
    return code


@app.command
def runs(out: str, run: str | None = None, *, json: bool = False) -> int:
    """List the runs of an output, or show one.

    Examples:
    calumma runs out/

    calumma runs out/ 20260131-235959-ab12cd

    Parameters
    ----------
    out
        The output folder.
    run
        Show this run alone, with an example of each kind of failure.
    json
        Print JSON.
    """
    from reports.summary import print_run, print_runs

    if run is None:
        print_runs(out, json=json)
    else:
        print_run(out, run, json=json)
    return 0


@app.command
def report(out: str, *, run: str | None = None, to: str | None = None) -> int:
    """Write a page to look at an output's results: one HTML file.

    Example: calumma report out/

    Parameters
    ----------
    out
        The output folder.
    run
        Show this run alone rather than the newest of each job.
    to
        Where to write the page; by default OUT/report.html.
    """
    from reports.page import write_report

    summary = write_report(out, to, run=run)
    _print(str(summary))
    return 0


def _describe(
    catalog: str,
    out: str,
    config: CaptionConfig | AnswerConfig,
    where: WhereConfig = _WHERE,
    *,
    dry: bool = False,
    as_json: bool = False,
    report: bool = True,
) -> int:
    if dry:
        from pipelines.dry_run import dry_run

        _print_dry_run(dry_run(catalog, out, config, where.engine()), as_json=as_json)
        return 0
    with open_engine(where.engine(), catalog, out) as engine:
        from pipelines.launch import hand_over, launch
        from pipelines.progress import Progress

        if not engine.waits:
            run_id = hand_over(catalog, out, config, engine)
            _print(f"Run {run_id} was handed over. Then: calumma runs {out} {run_id}")
            return 0
        manifest, tally = launch(catalog, out, config, engine, Progress(quiet=as_json))
    from pipelines.summary import nothing_succeeded, print_summary

    if as_json:
        _print(json.dumps(asdict(manifest)))
    else:
        print_summary(manifest, tally, out, suggest_report=report)
    return 0 if manifest.state == "done" and not nothing_succeeded(manifest) else 1


def _print_dry_run(found: "DryRun", *, as_json: bool) -> None:
    if as_json:
        _print(json.dumps(asdict(found)))
        return
    for name in ("catalog", "out", "model", "revision", "prompt"):
        _print(f"{name + ':':<10}{getattr(found, name)}")
    _print(f"{'to do:':<10}{found.to_do} rows, into {found.table}")
    _print(f"{'skipped:':<10}{found.skipped} rows")
    for problem in found.unreadable:
        _print(f"unreadable: {problem}")
    _print(f"{'runner:':<10}{found.runner}")
    for name, value in found.resources.items():
        _print(f"  {name}: {value}")
    _print("stages:")
    for number, stage in enumerate(found.stages, 1):
        _print(f"  {number}. {stage}")
    if found.request:
        _print("request (whole with --json):")
        for name, value in found.request.items():
            _print(f"  {name}: {value}")


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def run(arguments: Sequence[str]) -> int:
    """Run one command; give its exit code: 0 done, 1 failed, 2 usage."""
    remaining = list(arguments)
    take_beam_options(remaining)
    try:
        config = take_config_file(remaining)
        app.config = (config,) if config else ()
        return int(
            app(remaining, exit_on_error=False, print_error=False, result_action="return_value")
            or 0
        )
    except (UsageError, cyclopts.CycloptsError) as error:
        _complain(_worded(error, remaining))
        return 2
    except CalummaError as error:
        _complain(str(error))
        return 1
    except BrokenPipeError:
        return 1
    except OSError as error:
        _complain(f"Reading or writing failed: {error}.")
        return 1


def _worded(error: Exception, arguments: Sequence[str]) -> str:
    """The parser's errors in our words, where its own help little."""
    command = arguments[0] if arguments else ""
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        name = error.argument.name.lstrip("-")
        if name in {"catalog", "out"}:
            usage = "OUT" if command in {"runs", "report"} else "CATALOG OUT"
            return f"{name.upper()} is missing: calumma {command} {usage}."
    if isinstance(error, UnusedCliTokensError):
        tokens = error.unused_tokens or []
        return f"Too many arguments, from {tokens[0] if tokens else '?'} on. Put a glob in quotes."
    return str(error)


def _complain(text: str) -> None:
    print(f"calumma: {text}", file=sys.stderr, flush=True)  # noqa: T201
