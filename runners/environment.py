"""Where the workers' Python comes from on a cluster."""

import json
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from runners.errors import RunnerError
from runners.reach import check_answers, split_address

_WORKERS = Parameter(group=Group("Workers of Spark and Flink", sort_key=11))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a cluster's machines start Python. At most one of them is given."""

    worker_command: Annotated[str | None, _WORKERS] = None
    """Program that starts a worker on each machine; by default calumma-worker, where it lies here.
    """
    worker_image: Annotated[str | None, _WORKERS] = None
    """Container image to start on each machine; it needs a container engine there."""
    worker_pool: Annotated[str | None, _WORKERS] = None
    """HOST:PORT of a worker pool that runs already, one on each machine."""


def check_workers(options: WorkerOptions, *, cluster: bool) -> None:
    """Check that the choice is one.

    Args:
        cluster: whether the workers may be on other machines, where a pool cannot be asked.

    Raises:
        RunnerError: it is several, or a pool that cannot be.

    """
    given = [
        f"--{name.replace('_', '-')}"
        for name in ("worker_command", "worker_image", "worker_pool")
        if getattr(options, name)
    ]
    if len(given) > 1:
        raise RunnerError(f"{' and '.join(given)} exclude each other. Give one of them.")
    if options.worker_pool:
        split_address(options.worker_pool, "--worker-pool")
    if options.worker_pool and not cluster:
        check_answers(
            [options.worker_pool],
            "The worker pool",
            "Start it with: python -m apache_beam.runners.worker.worker_pool_main "
            "--service_port PORT.",
        )


def worker_environment(options: WorkerOptions, *, cluster: bool) -> dict[str, str]:
    """Beam's options for the workers' environment.

    A local engine has its workers in the launcher's own process. On a cluster each machine runs
    ``calumma-worker``, the program of the installed package, unless something else is named.
    """
    if options.worker_image:
        return {"environment_type": "DOCKER", "environment_config": options.worker_image}
    if options.worker_pool:
        return {"environment_type": "EXTERNAL", "environment_config": options.worker_pool}
    if options.worker_command or cluster:
        command = options.worker_command or str(
            Path(sysconfig.get_path("scripts"), "calumma-worker")
        )
        return {
            "environment_type": "PROCESS",
            "environment_config": json.dumps({"command": command}),
        }
    return {"environment_type": "LOOPBACK"}
