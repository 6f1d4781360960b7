"""The command line. Jobs are imported when they run, so that help answers at once."""

import importlib.metadata
import sys
from collections.abc import Sequence

import cyclopts
from cyclopts import App, Parameter
from cyclopts.exceptions import MissingArgumentError, UnusedCliTokensError

from pipelines.assemble_command import assemble
from pipelines.audit_command import audit
from pipelines.care_commands import compact, forget, latest
from pipelines.catalog_commands import (
    answer,
    caption,
    duplicates,
    embed,
    filter_catalog,
    neighbors,
    tokenize,
)
from pipelines.compare_command import compare
from pipelines.config_file import take_config_file
from pipelines.convert_command import convert
from pipelines.evaluate_command import evaluate
from pipelines.image_commands import edit, generate, reconstruct, structure
from pipelines.index_commands import index, search
from pipelines.output_commands import demo, report, runs
from pipelines.package_commands import package_app
from pipelines.train_commands import train_app
from pipelines.watch_commands import watch
from pipelines.where import take_beam_options
from schemas.errors import CalummaError, UsageError

_EXIT_CODES = (
    "Exit codes: 0 done, 1 failed or stopped by the failure limit, 2 wrong command or catalog, "
    "130 or 143 ended early; the same command goes on."
)

_OF_AN_OUTPUT = ("runs", "report", "latest", "compact", "forget", "watch")


def _shown(default: object) -> str | None:
    """How help shows a default: not at all where it says nothing."""
    return None if default in ("", (), None, False) else str(default)


app = App(
    name="calumma",
    help=(
        "Caption pictures, answer questions about them, retrieve neighbours, find duplicates, "
        "filter by rules, make codes of pictures and pictures of texts, and evaluate the results, "
        "over whole catalogs, into Parquet.\n\n"
        "Try it: calumma demo"
    ),
    help_format="plaintext",
    version=lambda: importlib.metadata.version("calumma"),
    version_flags=["--version"],
    default_parameter=Parameter(negative=(), show_default=_shown),
)
for job in (
    caption,
    answer,
    embed,
    index,
    neighbors,
    duplicates,
    tokenize,
    reconstruct,
    generate,
    edit,
    structure,
    assemble,
    evaluate,
):
    app.command(job, help_epilogue=_EXIT_CODES)
app.command(filter_catalog, name="filter", help_epilogue=_EXIT_CODES)
for command in (
    search,
    compare,
    demo,
    runs,
    report,
    latest,
    compact,
    forget,
    watch,
    audit,
    convert,
    package_app,
    train_app,
):
    app.command(command)


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
    finally:
        # The application outlives the command where commands are run from Python.
        app.config = ()


def _worded(error: Exception, arguments: Sequence[str]) -> str:
    """The parser's errors in our words, where its own help little."""
    command = arguments[0] if arguments else ""
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        name = error.argument.name.lstrip("-")
        if command == "train" and not name.lower().startswith("config"):
            return f"{name} is missing: write it into the file, or give --{name}."
        if name in {"catalog", "requests", "results", "out"}:
            usage = "OUT" if command in _OF_AN_OUTPUT else "CATALOG OUT"
            usage = "REQUESTS OUT" if command == "generate" else usage
            usage = "RESULTS OUT" if command == "evaluate" else usage
            usage = "RESULTS" if command == "audit" else usage
            return f"{name.upper()} is missing: calumma {command} {usage}."
        if command == "compare":
            return f"{name.upper()} is missing: calumma compare A B, two outputs of evaluate."
        if command == "train":
            return f"A configuration is missing: calumma {' '.join(arguments[:2])} CONFIG.toml."
    if isinstance(error, UnusedCliTokensError):
        tokens = error.unused_tokens or []
        return f"Too many arguments, from {tokens[0] if tokens else '?'} on. Put a glob in quotes."
    return str(error)


def _complain(text: str) -> None:
    print(f"calumma: {text}", file=sys.stderr, flush=True)  # noqa: T201
