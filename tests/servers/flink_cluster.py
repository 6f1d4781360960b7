"""A Flink session cluster on this machine: a job manager, task managers of one slot each."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from runners.java import OPENED, find_java
from tests.servers.daemons import daemon, free_port, wait_for_line

# What Flink's own start scripts would work out from the size of the process.
_CONFIGURATION = """\
jobmanager.rpc.address: localhost
jobmanager.rpc.port: {rpc_port}
jobmanager.memory.process.size: 1000m
rest.address: localhost
rest.port: {rest_port}
taskmanager.host: localhost
taskmanager.numberOfTaskSlots: 1
taskmanager.cpu.cores: 1
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 384m
taskmanager.memory.task.off-heap.size: 0
taskmanager.memory.managed.size: 128m
taskmanager.memory.network.min: 64m
taskmanager.memory.network.max: 64m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 64m
taskmanager.memory.jvm-overhead.max: 64m
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 3
restart-strategy.fixed-delay.delay: 2 s
heartbeat.interval: 1000
heartbeat.timeout: 8000
"""


class FlinkCluster:
    """Its REST address and its task managers.

    Attributes:
        address: ``localhost:PORT``.
        task_managers: their Java processes.

    """

    def __init__(self, address: str, task_managers: list[subprocess.Popen[bytes]]) -> None:
        self.address = address
        self.task_managers = task_managers

    def job_states(self) -> list[str]:
        """The states of all jobs."""
        with urllib.request.urlopen(f"http://{self.address}/jobs", timeout=10) as answer:
            return [job["status"] for job in json.load(answer)["jobs"]]


@contextmanager
def flink_cluster(folder: Path, jar: Path, task_managers: int = 2) -> Iterator[FlinkCluster]:
    """Run a cluster of the Flink that is inside a job server's jar; logs go to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    rest_port = free_port()
    text = _CONFIGURATION.format(rpc_port=free_port(), rest_port=rest_port)
    (folder / "config.yaml").write_text(text)
    java = [find_java(), "-Xmx700m", *OPENED, "-cp", str(jar)]
    runtime = "org.apache.flink.runtime"
    configured = ["--configDir", str(folder)]
    with ExitStack() as opened:
        log = folder / "job-manager.log"
        command = [*java, f"{runtime}.entrypoint.StandaloneSessionClusterEntrypoint", *configured]
        opened.enter_context(daemon(command, log, os.environ))
        wait_for_line(log, "Rest endpoint listening at")
        processes = []
        for number in range(task_managers):
            log = folder / f"task-manager-{number}.log"
            command = [*java, f"{runtime}.taskexecutor.TaskManagerRunner", *configured]
            processes.append(opened.enter_context(daemon(command, log, os.environ)))
            wait_for_line(log, "Successful registration at resource manager")
        yield FlinkCluster(f"localhost:{rest_port}", processes)
