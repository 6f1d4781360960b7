"""Where a job runs, from the command line: options of the runner, and of Beam behind ``--``."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import app
from pipelines.config_file import take_config_file
from pipelines.where import WhereConfig, take_beam_options
from runners.dataflow.options import DataflowOptions
from runners.environment import WorkerOptions
from runners.flink.options import FlinkOptions
from runners.local import LocalOptions
from runners.prism import PrismOptions
from runners.spark.options import SparkOptions
from tests.pipelines.conftest import Command

RUNNERS: dict[str, tuple[type[Any], ...]] = {
    "local": (LocalOptions,),
    "spark": (SparkOptions, WorkerOptions),
    "flink": (FlinkOptions, WorkerOptions),
    "prism": (PrismOptions,),
    "dataflow": (DataflowOptions,),
}


def options_of(runner: str) -> Iterator[tuple[str, str]]:
    """A runner's options, each with a value that is not its default."""
    for group in RUNNERS[runner]:
        for option in fields(group):
            value = "1.19" if option.name == "flink_version" else "spark.x=y"
            yield f"--{option.name.replace('_', '-')}", "7" if "int" in str(option.type) else value


OPTIONS = [(runner, *option) for runner in RUNNERS for option in options_of(runner)]


def parsed(*arguments: str) -> WhereConfig:
    """What a command is called with."""
    remaining = ["caption", "CATALOG", "OUT", *arguments]
    take_beam_options(remaining)
    config = take_config_file(remaining)
    app.config = (config,) if config else ()
    _, bound, _ = app.parse_args(remaining, exit_on_error=False, print_error=False)
    where = bound.arguments.get("where", WhereConfig())
    assert isinstance(where, WhereConfig)
    return where


@pytest.mark.parametrize(("runner", "option", "value"), OPTIONS)
def test_an_option_is_its_runners(runner: str, option: str, value: str) -> None:
    where = parsed("--runner", runner, option, value)
    assert where.runner == runner
    groups = [getattr(where, group.name) for group in fields(where)]
    (found,) = [
        getattr(group, option[2:].replace("-", "_"))
        for group in groups
        if hasattr(group, option[2:].replace("-", "_"))
    ]
    assert found in {value, int(value) if value.isdigit() else (value,)}
    assert where.engine().name == runner


@pytest.mark.parametrize(("runner", "option", "value"), OPTIONS)
def test_an_option_of_another_runner_is_refused_by_name(
    command: Command, tmp_path: Path, runner: str, option: str, value: str
) -> None:
    shared = {"spark", "flink"} if option.startswith("--worker-") else {runner}
    for other in set(RUNNERS) - shared:
        code, said, errors = command(
            "caption", tmp_path, tmp_path / "out", "--runner", other, option, value
        )
        assert (code, said) == (2, "")
        named = "spark" if option.startswith("--worker-") else runner
        refused = f"{option} is an option of --runner {named}, and the runner is {other}."
        assert errors == f"calumma: {refused}\n"
    assert not (tmp_path / "out").exists()


def test_each_runner_has_its_engine_and_local_is_the_default() -> None:
    assert parsed().engine().name == "local"
    for runner in RUNNERS:
        assert parsed("--runner", runner).engine().name == runner


def test_a_runner_that_does_not_exist_is_refused(command: Command, tmp_path: Path) -> None:
    code, _, errors = command("caption", tmp_path, tmp_path / "out", "--runner", "slurm")
    assert code == 2
    assert "slurm" in errors
    assert all(runner in errors for runner in RUNNERS)


def test_what_follows_two_dashes_reaches_beam() -> None:
    where = parsed("--limit", "3", "--", "--job_name=mine", "--experiments", "a")
    assert where.beam_option == ("--job_name=mine", "--experiments", "a")
    options = where.engine().pipeline().options.get_all_options()
    assert options["job_name"] == "mine"
    assert "a" in options["experiments"]
    assert parsed("--").beam_option == ()


def test_what_beam_refuses_is_a_sentence(command: Command, tmp_path: Path) -> None:
    for wrong in ("--direct_num_workers=x", "--pickle_library=none"):
        code, said, errors = command("caption", tmp_path, tmp_path / "out", "--", wrong)
        assert (code, said) == (2, "")
        assert errors.startswith("calumma: Beam refuses an option that follows --: argument --")
        assert len(errors.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_configuration_file_names_the_runner_and_its_options(tmp_path: Path) -> None:
    toml = tmp_path / "c.toml"
    toml.write_text(
        'runner = "spark"\nspark_master = "spark://h:7077"\nworker_command = "/w"\n'
        'spark_conf = ["spark.a=1", "spark.b=2"]\nlimit = 5\n'
    )
    where = parsed("--config", str(toml))
    assert where.runner == "spark"
    assert where.spark == SparkOptions(
        spark_master="spark://h:7077", spark_conf=("spark.a=1", "spark.b=2")
    )
    assert where.worker == WorkerOptions(worker_command="/w")
    where = parsed("--config", str(toml), "--spark-master", "local[2]", "--", "--job_name=mine")
    assert (where.spark.spark_master, where.beam_option) == ("local[2]", ("--job_name=mine",))


def test_an_option_of_another_runner_in_a_configuration_file_is_refused(
    command: Command, tmp_path: Path
) -> None:
    toml = tmp_path / "c.toml"
    toml.write_text('runner = "flink"\nspark_master = "spark://h:7077"\n')
    code, _, errors = command("caption", tmp_path, tmp_path / "out", "--config", toml)
    assert code == 2
    assert "--spark-master is an option of --runner spark, and the runner is flink." in errors


def test_naming_runners_imports_none_of_them() -> None:
    code = (
        "import sys; import pipelines.cli\n"
        "print([name for name in ('apache_beam', 'grpc', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
