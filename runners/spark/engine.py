"""Running a job on Spark."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from runners.environment import WorkerOptions, check_workers, worker_environment
from runners.errors import RunnerError
from runners.java import find_java
from runners.job_server import JobServer, find_jar
from runners.portable import OwnServer, PortableEngine
from runners.reach import check_answers
from runners.spark.options import SparkOptions

_GRADLE_TARGET = ":runners:spark:3:job-server:shadowJar"
_SCHEME = "spark://"
# By default each stage starts Python, and loads libraries, anew on each executor.
_MILLISECONDS_KEPT = 60_000


class SparkEngine(PortableEngine):
    """Runs a job on Spark 3: in a job server beside the launcher, or on a standalone cluster."""

    name: ClassVar[str] = "spark"

    def __init__(
        self,
        options: SparkOptions | None = None,
        workers: WorkerOptions | None = None,
        beam_options: Sequence[str] = (),
    ) -> None:
        self._options = options or SparkOptions()
        self._workers = workers or WorkerOptions()
        super().__init__(self._options.spark_job_endpoint, beam_options)

    @property
    def on_cluster(self) -> bool:
        """Whether the workers may be on other machines."""
        elsewhere = self._package or self._options.spark_job_endpoint
        return bool(elsewhere) or not _is_local(self._options.spark_master)

    def check(self, out: str, reaches: Mapping[str, str] | None = None) -> None:
        """Check the master's address and that it answers, the workers' choice, Java and jar."""
        del out, reaches
        check_workers(self._workers, cluster=self.on_cluster)
        if self._options.spark_job_endpoint is not None:
            self.check_endpoint(self._options, "spark_master", "spark_conf", "spark_job_server_jar")
            return
        for setting in self._options.spark_conf:
            if not re.fullmatch(r"spark\.[\w.]+=.*", setting):
                raise RunnerError(
                    f"--spark-conf must be a Spark property, spark.NAME=VALUE, not {setting!r}."
                )
        if self._package is not None and self._options.spark_conf:
            raise RunnerError("--spark-conf is for spark-submit, which takes it as --conf.")
        master = self._options.spark_master
        if self._package is None and not _is_local(master):
            if not master.startswith(_SCHEME):
                raise RunnerError(
                    f"--spark-master {master!r} is neither local[N] nor spark://HOST:PORT. For "
                    "YARN and Kubernetes: calumma package, and spark-submit."
                )
            check_answers(
                master.removeprefix(_SCHEME).split(","),
                f"The Spark master {master}",
                "Check the address, and that it runs: its page lists the workers.",
            )
        find_java()
        _ = self._jar

    def package_to(self, jar: Path) -> None:
        """Have pipelines written to a jar for spark-submit."""
        self._package = jar

    def new_server(self) -> OwnServer:
        """Start the job server, which is Spark's driver too."""
        return JobServer(
            "The Spark job server",
            self._jar,
            ["--spark-master-url", self._options.spark_master],
            self._options.spark_conf,
            self.listen,
        )

    @cached_property
    def _jar(self) -> Path:
        """The job server's; looked for, or fetched, once."""
        return find_jar(self._options.spark_job_server_jar, "spark", _GRADLE_TARGET)

    def beam_options(self) -> Mapping[str, object]:
        """The workers' environment, and how long it is kept."""
        environment = worker_environment(self._workers, cluster=self.on_cluster)
        return {**environment, "environment_cache_millis": _MILLISECONDS_KEPT}

    def asks_for(self) -> Mapping[str, str]:
        """Master, properties and environment."""
        environment = worker_environment(self._workers, cluster=self.on_cluster)
        return {
            "master": self._options.spark_master,
            "properties": " ".join(self._options.spark_conf) or "Spark's own",
            "workers": " ".join(environment.values()),
        }


def _is_local(master: str) -> bool:
    return re.fullmatch(r"local(\[.+\])?", master) is not None
