"""Runners that cannot serve, by the real command: a sentence that says what to do, nothing left."""

import socket
from pathlib import Path

import pytest

from tests.end_to_end.complaining import Command, a_program, wait_until
from tests.servers.daemons import free_port
from tests.servers.job_server_jars import PRISM, needs_java, needs_prism, spark_jar


def refusal(pictures: Path, out: Path, *options: object, **variables: str) -> str:
    """What the command complains of before it has begun anything."""
    return Command(pictures, out, *options, **variables).complaint(2)


@pytest.mark.parametrize("runner", ["spark", "flink"])
def test_without_java(runner: str, pictures: Path, tmp_path: Path) -> None:
    said = refusal(pictures, tmp_path / "out", "--runner", runner, PATH=str(tmp_path))
    assert said.startswith("There is no Java on the PATH. Install Java 17 (on Debian: apt-get ")


@pytest.mark.parametrize("version", ["21.0.2", "1.8.0_392"])
def test_with_a_java_of_another_version(version: str, pictures: Path, tmp_path: Path) -> None:
    a_program(tmp_path / "bin" / "java", f"echo 'openjdk version \"{version}\"' >&2")
    out = tmp_path / "out"
    said = refusal(pictures, out, "--runner", "spark", JAVA_HOME=str(tmp_path))
    assert f"is version {version.removeprefix('1.').partition('.')[0]}; Spark 3 and Fl" in said
    assert said.endswith("run on 11 and 17. Point JAVA_HOME to one of those.")


def test_without_prism(pictures: Path, tmp_path: Path) -> None:
    out, nowhere = tmp_path / "out", str(tmp_path)
    said = refusal(pictures, out, "--runner", "prism", PATH=nowhere, HOME=nowhere)
    assert said.startswith("There is no program prism. Build it with: go install ")


@needs_java
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["spark", "--spark-master", "spark://CLOSED"], "Spark master spark://CLOSED does not an"),
        (["flink", "--flink-master", "CLOSED"], "The Flink cluster CLOSED does not answer (CLOSED"),
        (["flink", "--flink-master", "SILENT"], "What answers at SILENT is no Flink cluster, or"),
        (["spark", "--spark-job-endpoint", "CLOSED"], "The job server does not answer (CLOSED"),
        (["spark", "--spark-job-endpoint", "SILENT"], "The job server at SILENT hangs, or is"),
        (["spark", "--spark-job-server-jar", "NOTHING"], "NOTHING, which is no jar file on this"),
        (["flink", "--flink-job-server-jar", "TEXT"], "TEXT, which is no jar file on this machine"),
    ],
)
def test_what_does_not_answer_or_is_not_there(
    options: list[str], said: str, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.jar").write_text("no jar")
    with socket.create_server(("localhost", 0)) as silent:
        places = {
            "CLOSED": f"localhost:{free_port()}",
            "SILENT": f"localhost:{silent.getsockname()[1]}",
            "NOTHING": str(tmp_path / "nothing.jar"),
            "TEXT": str(tmp_path / "text.jar"),
        }
        for name, place in places.items():
            options = [option.replace(name, place) for option in options]
            said = said.replace(name, place)
        assert said in refusal(pictures, tmp_path / "out", "--runner", *options)


def begun(runner: str, pictures: Path, out: Path) -> Command:
    """A command whose job is under way on this machine."""
    jar = ["--spark-job-server-jar", str(spark_jar()), "--spark-master", "local[1]"]
    options = jar if runner == "spark" else ["--prism-location", PRISM]
    command = Command(pictures, out, "--runner", runner, *options)
    # The catalog is cut; what comes next is the model, which takes seconds to load.
    wait_until(lambda: any(out.glob("_staging/*/plan.json")))
    return command


@needs_java
@needs_prism
@pytest.mark.parametrize("runner", ["spark", "prism"])
def test_ctrl_c_ends_what_was_started(runner: str, pictures: Path, tmp_path: Path) -> None:
    command = begun(runner, pictures, tmp_path / "out")
    command.interrupt()
    (said,) = command.end(130)
    assert said == "Ended early. What is done is staged: run the same command again to go on."


@needs_java
@needs_prism
@pytest.mark.parametrize(
    ("runner", "program", "name"),
    [("spark", "java", "The Spark job server"), ("prism", "prism", "Prism")],
)
def test_a_job_server_that_dies(
    runner: str, program: str, name: str, pictures: Path, tmp_path: Path
) -> None:
    command = begun(runner, pictures, tmp_path / "out")
    command.kill(program)
    said = command.complaint(1)
    assert said.startswith(f"{name} was killed. Its last line: ")
    assert said.endswith("What was staged is kept: run the same command again to go on.")
