"""What Dataflow's launcher gives to the image's program becomes a command of calumma."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines import template_main
from pipelines.cli import app
from pipelines.job_names import JOBS, JobName
from pipelines.template import FOLDER, TemplateParameter, parameters_of
from pipelines.template_entry import command_of
from pipelines.where import take_beam_options
from runners.dataflow.engine import DataflowEngine
from schemas.errors import UsageError
from tests.runners.dataflow.jobs import HINT, IMAGE, offline_job

# As the launcher gives them; the last ones are what a launch's environment can ask for.
LAUNCHERS_OWN = [
    "--runner=DataflowRunner",
    "--project=my-project",
    "--region=us-central1",
    "--template_location=gs://my-bucket/staging/template_launches/1/job_object",
    "--temp_location=gs://my-bucket/temp",
    "--staging_location=gs://my-bucket/staging",
    "--job_name=calumma-nightly",
    '--labels={"team": "pictures"}',
    "--num_workers=2",
    "--service_account_email=calumma@my-project.iam.gserviceaccount.com",
    "--no_use_public_ips",
]
NEEDED = ["--job=caption", "--catalog=gs://b/c.parquet", "--out=gs://b/out"]


def parse(arguments: list[str]) -> tuple[str, dict[str, Any]]:
    """The command's name and its parsed arguments, defaults apart."""
    command = command_of(arguments)
    take_beam_options(command)
    function, bound, _ = app.parse_args(command, exit_on_error=False, print_error=False)
    return function.__name__, bound.arguments


def sample(parameter: TemplateParameter) -> tuple[str, Any]:
    """A value that is no default, as text and as the dataclass has it."""
    if parameter.type is bool:
        return "true", True
    if parameter.type is int:
        return "7", 7
    if parameter.type is float:
        return "0.25", 0.25
    if parameter.many:
        return "Is it red?\nIs it, perhaps, round?\n", ("Is it red?", "Is it, perhaps, round?")
    if parameter.name == "memory":
        return "7GB", "7GB"
    if parameter.name == "k":
        return "3", 3
    if parameter.type is str:
        return f"some {parameter.name} --x=1", f"some {parameter.name} --x=1"
    choice = parameter.type.__args__[-1]
    return choice, choice


@pytest.mark.parametrize("job", JOBS)
def test_every_parameter_arrives_where_it_belongs(job: JobName) -> None:
    samples = {name: sample(found) for name, found in parameters_of(job).items()}
    if job == "answer":
        # It excludes the single questions, and a prompt has to hold one.
        del samples["questions"]
        samples["prompt"] = ("{question} Now!", "{question} Now!")
    if job in {"generate", "edit"}:
        samples["template"] = ("Paint {prompt}!", "Paint {prompt}!")
    if job == "evaluate":
        # A benchmark has its own.
        del samples["references"]
    if job == "filter":
        samples["max_aspect_ratio"] = ("2.5", 2.5)
    if job == "edit":
        # One instruction for all excludes a column of them.
        del samples["columns_text"]
    given = [f"--{name}={text}" for name, (text, _) in samples.items()]
    called, arguments = parse([f"--job={job}", *given])
    # The name of a function may not be that of one of Python's own.
    assert called == {"filter": "filter_catalog"}.get(job, job)
    config, where = arguments["config"], arguments["where"]
    for name, (_, value) in samples.items():
        if name in arguments:
            assert arguments[name] == value
        elif name.startswith("columns_"):
            assert getattr(config.columns, name.removeprefix("columns_")) == value
        elif name.startswith("dataflow_"):
            assert getattr(where.dataflow, name) == value
        else:
            assert getattr(config, name) == value


def test_a_launch_goes_as_far_as_the_request() -> None:
    nightly = json.loads((FOLDER / "nightly.json").read_text())["launchParameter"]["parameters"]
    given = [f"--{name}={value}" for name, value in nightly.items()]
    where = parse([*given, *LAUNCHERS_OWN])[1]["where"]
    engine = where.engine()
    assert isinstance(engine, DataflowEngine)
    # The launcher starts the job that it finds written down, and the program must have ended.
    assert not engine.waits
    found = engine.request(offline_job(engine))
    assert found is not None
    request: Any = found.body
    assert request["project"] == "my-project"
    assert request["job"]["name"] == "calumma-nightly"
    assert request["job"]["labels"] == {"team": "pictures"}
    environment = request["job"]["environment"]
    assert environment["serviceAccountEmail"] == "calumma@my-project.iam.gserviceaccount.com"
    assert environment["workerPools"][0]["numWorkers"] == 2
    assert environment["workerPools"][0]["ipConfiguration"] == "WORKER_IP_PRIVATE"
    assert request["staged"][0].startswith("gs://my-bucket/staging/calumma-nightly")
    assert request["environments"][1]["hints"] == {"accelerator": HINT}


def test_the_launchers_image_is_taken_where_none_is_named() -> None:
    launcher = "--sdk_container_image=gcr.io/p/launchers"
    assert parse([*NEEDED, launcher])[1]["where"].dataflow.dataflow_image == "gcr.io/p/launchers"
    named = parse([*NEEDED, launcher, f"--dataflow_image={IMAGE}"])[1]["where"]
    assert named.dataflow.dataflow_image == IMAGE
    assert named.beam_option == ()


def test_what_was_left_empty_is_a_default() -> None:
    empty = ["--limit=", "--only_failed=false", "--columns_id=", "--dataflow_gpu="]
    arguments = parse([*NEEDED, *empty, "--style=long"])[1]
    assert arguments["config"].limit is None
    assert not arguments["config"].only_failed
    assert arguments["where"].dataflow.dataflow_gpu is None


@pytest.mark.parametrize("job", ["", "train"])
def test_a_job_has_to_be_named(job: str) -> None:
    with pytest.raises(
        UsageError, match="The parameter job must be one of caption, answer, embed, index"
    ):
        command_of([f"--job={job}", *LAUNCHERS_OWN])


def launched(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as the image holds it: a copy, away from the package."""
    program = shutil.copy(str(template_main.__file__), folder / "main.py")
    return subprocess.run(
        [sys.executable, program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_says_what_is_wrong(tmp_path: Path) -> None:
    ended = launched(tmp_path, *LAUNCHERS_OWN)
    assert ended.returncode == 1
    assert (
        ended.stderr
        == "calumma: The parameter job must be one of caption, answer, embed, index, neighbors, "
        "duplicates, tokenize, reconstruct, structure, filter, generate, edit, assemble, "
        "evaluate, not None.\n"
    )
    ended = launched(tmp_path, *NEEDED, *LAUNCHERS_OWN)
    assert ended.returncode == 2
    assert ended.stderr.startswith("calumma: --runner dataflow needs --dataflow-image as well")
