"""A standalone Spark cluster on this machine: one master, workers of one core each."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pyspark

from tests.servers.daemons import daemon, wait_for_line

SPARK_HOME = Path(pyspark.__file__).parent


class SparkCluster:
    """Its master's address and its workers.

    Attributes:
        url: ``spark://localhost:PORT``.
        workers: the Java processes of the workers.

    """

    def __init__(self, url: str, workers: list[subprocess.Popen[bytes]]) -> None:
        self.url = url
        self.workers = workers

    def worker_of(self, executor: psutil.Process) -> subprocess.Popen[bytes]:
        """The worker that an executor belongs to."""
        parents = {parent.pid for parent in executor.parents()}
        return next(worker for worker in self.workers if worker.pid in parents)

    def executors(self) -> list[psutil.Process]:
        """The Java processes of the executors that run now."""
        return [
            child
            for worker in self.workers
            if worker.poll() is None
            for child in psutil.Process(worker.pid).children(recursive=True)
            if "CoarseGrainedExecutorBackend" in _command(child)
        ]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


@contextmanager
def spark_cluster(
    folder: Path,
    workers: int = 2,
    environment: Mapping[str, str] | None = None,
    *,
    pin: bool = False,
) -> Iterator[SparkCluster]:
    """Run a master and so many workers of one core; logs and work go to ``folder``.

    Args:
        environment: variables of the workers.
        pin: hold each worker, with all that it starts, to a core of its own.

    """
    folder.mkdir(parents=True, exist_ok=True)
    variables = {**os.environ, "SPARK_HOME": str(SPARK_HOME), **(environment or {})}
    start = [str(SPARK_HOME / "bin" / "spark-class")]
    with ExitStack() as opened:
        log = folder / "master.log"
        arguments = ["--host", "localhost", "--port", "0", "--webui-port", "0"]
        master = "org.apache.spark.deploy.master.Master"
        opened.enter_context(daemon([*start, master, *arguments], log, variables))
        url = wait_for_line(log, r"Starting Spark master at (spark://\S+)")[1]
        processes = []
        for number in range(workers):
            log = folder / f"worker-{number}.log"
            arguments = ["--host", "localhost", "--cores", "1", "--memory", "2g"]
            arguments += ["--webui-port", "0", "--work-dir", str(folder / f"work-{number}"), url]
            worker = "org.apache.spark.deploy.worker.Worker"
            held = ["taskset", "-c", str(number)] if pin else []
            command = [*held, *start, worker, *arguments]
            process = opened.enter_context(daemon(command, log, variables))
            wait_for_line(log, "Successfully registered with master")
            processes.append(process)
        yield SparkCluster(url, processes)
