"""Workers that cannot serve, by the real command on a cluster: a sentence that says what to do."""

import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from models.source import EMBEDDED_FOLDER
from runners import worker
from tests.end_to_end.complaining import SCRIPTS, Command, a_program, wait_until
from tests.servers.job_server_jars import flink_jar, needs_java, spark_jar

if TYPE_CHECKING:
    from tests.servers.spark_cluster import SparkCluster

# A cluster starts slowly on a busy machine.
pytestmark = [needs_java, pytest.mark.timeout(900)]

_KEPT = " What was staged is kept: run the same command again to go on."


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SparkCluster]":
    from tests.servers.spark_cluster import spark_cluster

    with spark_cluster(tmp_path_factory.mktemp("cluster"), workers=1) as cluster:
        yield cluster


def trouble(
    cluster: "SparkCluster", pictures: Path, out: Path, program: Path, *options: object
) -> str:
    """What the command complains of when a cluster's workers are started by a program."""
    spark = ["--runner", "spark", "--spark-job-server-jar", spark_jar()]
    command = Command(
        pictures, out, *spark, "--spark-master", cluster.url, "--worker-command", program, *options
    )
    said = command.complaint(1)
    wait_until(lambda: not cluster.executors())
    assert said.endswith(_KEPT)
    return said.removesuffix(_KEPT)


def test_workers_that_do_not_exist(cluster: "SparkCluster", pictures: Path, tmp_path: Path) -> None:
    program = tmp_path / "nowhere" / "calumma-worker"
    said = trouble(cluster, pictures, tmp_path / "out", program)
    assert said.startswith(f"A worker could not start {program}. Install Calumma at the same place")
    assert "--worker-command" in said


def test_workers_without_the_package(
    cluster: "SparkCluster", pictures: Path, tmp_path: Path
) -> None:
    # Neither this environment's packages nor Python's own folder of them.
    python = f'exec {sys.executable} -I -S {worker.__file__} "$@"'
    program = a_program(tmp_path / "boot", python)
    said = trouble(cluster, pictures, tmp_path / "out", program)
    assert said.startswith("A worker's Python lacks what Calumma needs. Install this version on")


@pytest.mark.parametrize("runner", ["spark", "flink"])
def test_workers_with_beam_and_without_the_package(
    runner: str, pictures: Path, tmp_path: Path
) -> None:
    # What is installed and no link to this repository: as in a container image of Beam's.
    (tmp_path / "boot.py").write_text(Path(worker.__file__).read_text())
    packages = sysconfig.get_path("purelib")
    python = f'PYTHONPATH={packages} exec {sys.executable} -S -P {tmp_path}/boot.py "$@"'
    program = a_program(tmp_path / "boot", python)
    jar = spark_jar() if runner == "spark" else flink_jar()
    options = [f"--{runner}-job-server-jar", jar, "--worker-command", program]
    said = Command(pictures, tmp_path / "out", "--runner", runner, *options).complaint(1)
    assert said.startswith("A worker's Python has no Calumma, or another one (no module '")
    assert said.endswith(_KEPT)


def test_workers_of_another_version(
    cluster: "SparkCluster", pictures: Path, tmp_path: Path
) -> None:
    installed = tmp_path / "lib" / "calumma-9.9.9.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: calumma\nVersion: 9.9.9\n")
    program = a_program(
        tmp_path / "boot",
        f'PYTHONPATH={installed.parent} exec {SCRIPTS / "calumma-worker"} "$@"',
    )
    said = trouble(cluster, pictures, tmp_path / "out", program)
    assert (
        f"The worker {socket.gethostname()} has Calumma 9.9.9, and the run was begun with" in said
    )
    assert said.endswith("Install one version on all machines.")


def on_another_disk(path: Path, hidden: Path) -> Path:
    """A worker for which another, empty folder lies where a folder of this machine does."""
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("needs the right to mount")
    empty = path.parent / "empty"
    empty.mkdir()
    mounted = f'mount --bind {empty} {hidden} && exec {SCRIPTS / "calumma-worker"} "$@"'
    return a_program(path, f"exec unshare -m sh -c '{mounted}' sh \"$@\"")


def test_a_model_that_only_the_launchers_machine_has(
    cluster: "SparkCluster", pictures: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(EMBEDDED_FOLDER, tmp_path / "model"))
    program = on_another_disk(tmp_path / "boot", model)
    said = trouble(cluster, pictures, tmp_path / "out", program, "--model", model)
    assert said.startswith(f"There is no model in {model} on {socket.gethostname()}. Put it where")


def test_an_output_that_is_each_machines_own(
    cluster: "SparkCluster", pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    program = on_another_disk(tmp_path / "boot", tmp_path / "out")
    said = trouble(cluster, pictures, tmp_path / "out", program)
    assert said.startswith(
        f"{tmp_path / 'out'} on the worker {socket.gethostname()} is not the out"
    )
    assert said.endswith("Name one that all machines share: s3://, gs://, az:// or a shared disk.")
