"""Where workers come from: in the launcher locally, the installed program on a cluster."""

import json
import os
import socket
from pathlib import Path

import pytest

from runners.environment import WorkerOptions, check_workers, worker_environment
from runners.errors import RunnerError
from tests.servers.daemons import free_port


def test_locally_the_launcher_itself_works() -> None:
    assert worker_environment(WorkerOptions(), cluster=False) == {"environment_type": "LOOPBACK"}


def test_a_cluster_starts_the_program_of_this_installation() -> None:
    found = worker_environment(WorkerOptions(), cluster=True)
    assert found["environment_type"] == "PROCESS"
    command = json.loads(found["environment_config"])["command"]
    assert Path(command).name == "calumma-worker"
    assert os.access(command, os.X_OK)


@pytest.mark.parametrize("cluster", [True, False])
@pytest.mark.parametrize(
    ("options", "kind", "config"),
    [
        (WorkerOptions(worker_command="/w"), "PROCESS", '{"command": "/w"}'),
        (WorkerOptions(worker_image="mine:1"), "DOCKER", "mine:1"),
        (WorkerOptions(worker_pool="pool:50000"), "EXTERNAL", "pool:50000"),
    ],
)
def test_what_is_named_is_taken_everywhere(
    options: WorkerOptions, kind: str, config: str, cluster: bool
) -> None:
    check_workers(options, cluster=True)
    assert worker_environment(options, cluster=cluster) == {
        "environment_type": kind,
        "environment_config": config,
    }


def test_two_choices_are_none() -> None:
    options = WorkerOptions(worker_command="/w", worker_image="mine:1")
    with pytest.raises(RunnerError, match=r"^--worker-command and --worker-image exclude each"):
        check_workers(options, cluster=True)
    check_workers(WorkerOptions(), cluster=False)


def test_a_pool_on_this_machine_must_answer() -> None:
    port = free_port()
    with pytest.raises(RunnerError, match=r"worker pool does not answer.*worker_pool_main"):
        check_workers(WorkerOptions(worker_pool=f"localhost:{port}"), cluster=False)
    # On a cluster it is each machine's own, and cannot be asked from here.
    check_workers(WorkerOptions(worker_pool=f"localhost:{port}"), cluster=True)
    with socket.create_server(("localhost", port)):
        check_workers(WorkerOptions(worker_pool=f"localhost:{port}"), cluster=False)
