"""A job's options from a TOML file."""

import tomllib
from collections.abc import Sequence
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
    if arguments[:1] == ["train"]:
        return _config_of_training(arguments)
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
        table = _read(value)
        for command in set(table) & set(JOBS):
            raise UsageError(
                f"{value} has a table [{command}]: options stand at the top of a file."
            )
        return cyclopts.config.Toml(value, use_commands_as_keys=False)
    return None


def _config_of_training(arguments: Sequence[str]) -> Any:
    """``train WHAT FILE.toml``: there the file is an argument, and stays one."""
    if len(arguments) < 3 or arguments[2].startswith("-"):
        return None
    _read(arguments[2])
    return cyclopts.config.Toml(arguments[2], use_commands_as_keys=False)


def _read(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no configuration file {path}.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}.") from error
