"""Running a job on Flink."""

import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from runners.environment import WorkerOptions, check_workers, worker_environment
from runners.errors import RunnerError
from runners.flink.options import FlinkOptions
from runners.flink.rest import cancel_jobs, check_cluster
from runners.java import find_java
from runners.job_server import JobServer, find_jar
from runners.portable import OwnServer, PortableEngine

_EMBEDDED = "[local]"


class FlinkEngine(PortableEngine):
    """Runs a job on Flink: in a job server beside the launcher, or on a session cluster."""

    name: ClassVar[str] = "flink"

    def __init__(
        self,
        options: FlinkOptions | None = None,
        workers: WorkerOptions | None = None,
        beam_options: Sequence[str] = (),
    ) -> None:
        self._options = options or FlinkOptions()
        self._workers = workers or WorkerOptions()
        self._job_name = f"calumma-{secrets.token_hex(8)}"
        super().__init__(self._options.flink_job_endpoint, beam_options)

    @property
    def on_cluster(self) -> bool:
        """Whether the workers may be on other machines."""
        elsewhere = self._package or self._options.flink_job_endpoint
        return bool(elsewhere) or self._options.flink_master != _EMBEDDED

    def check(self, out: str, reaches: Mapping[str, str] | None = None) -> None:
        """Check the cluster's address and that it answers, the workers' choice, Java and jar."""
        del out, reaches
        check_workers(self._workers, cluster=self.on_cluster)
        parallelism = self._options.flink_parallelism
        if parallelism is not None and parallelism < 1:
            raise RunnerError(f"--flink-parallelism must be at least 1, not {parallelism}.")
        if self._options.flink_job_endpoint is not None:
            self.check_endpoint(self._options, "flink_master", "flink_job_server_jar")
            return
        if self._package is None and self._options.flink_master != _EMBEDDED:
            check_cluster(self._options.flink_master)
        find_java()
        _ = self._jar

    def package_to(self, jar: Path) -> None:
        """Have pipelines written to a jar for flink run."""
        self._package = jar

    def new_server(self) -> OwnServer:
        """Start the job server, which holds an embedded Flink too."""
        return JobServer(
            "The Flink job server",
            self._jar,
            ["--flink-master", self._options.flink_master],
            on_line=self.listen,
        )

    @cached_property
    def _jar(self) -> Path:
        """The job server's; looked for, or fetched, once."""
        target = f":runners:flink:{self._options.flink_version}:job-server:shadowJar"
        return find_jar(self._options.flink_job_server_jar, "flink", target)

    def cancel(self) -> None:
        """Cancel the job in the cluster: Beam's job server cancels only its own waiting for it."""
        if self._job_endpoint is None and self._options.flink_master != _EMBEDDED:
            cancel_jobs(self._options.flink_master, self._job_name)

    def beam_options(self) -> Mapping[str, object]:
        """The workers' environment and parallelism."""
        options: dict[str, object] = {
            **worker_environment(self._workers, cluster=self.on_cluster),
            "job_name": self._job_name,
        }
        if self._options.flink_parallelism is not None:
            options["parallelism"] = self._options.flink_parallelism
        return options

    def asks_for(self) -> Mapping[str, str]:
        """Cluster, parallelism and environment."""
        environment = worker_environment(self._workers, cluster=self.on_cluster)
        return {
            "master": self._options.flink_master,
            "parallelism": str(self._options.flink_parallelism or "Flink's own"),
            "workers": " ".join(environment.values()),
        }
