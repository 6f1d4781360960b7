"""A job's options from a TOML file."""

import tomllib
from pathlib import Path
from typing import Any

import cyclopts

from pipelines.job_names import JOBS
from schemas.errors import UsageError


def take_config_file(arguments: list[str]) -> Any:
    """Take ``--config FILE.toml`` out of the arguments; its values stand behind the flags.

    Returns:
        What cyclopts asks for values that no flag gives; None without a file.

    Raises:
        UsageError: the file is missing, is no TOML, or the command takes none.

    """
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name != "--config":
            continue
        command = arguments[1] if arguments[0] == "package" and at > 1 else arguments[0]
        if command not in JOBS:
            raise UsageError(f"--config is for {', '.join(JOBS)}.")
        if not equals:
            if at + 1 == len(arguments):
                raise UsageError("--config needs a file: --config FILE.toml.")
            value = arguments[at + 1]
        del arguments[at : at + (1 if equals else 2)]
        try:
            table = tomllib.loads(Path(value).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"There is no configuration file {value}.") from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{value} cannot be read as TOML: {error}.") from error
        for command in set(table) & set(JOBS):
            raise UsageError(
                f"{value} has a table [{command}]: options stand at the top of a file."
            )
        return cyclopts.config.Toml(value, use_commands_as_keys=False)
    return None
