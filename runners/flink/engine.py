"""Running a job on Flink."""

import http.client
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from runners.environment import WorkerOptions, check_workers, worker_environment
from runners.errors import RunnerError
from runners.flink.options import FlinkOptions
from runners.java import find_java
from runners.job_server import JobServer, find_jar
from runners.portable import OwnServer, PortableEngine
from runners.reach import check_answers, split_address

_EMBEDDED = "[local]"
_ADDRESS = "Check the address: it is that of the REST service, by default port 8081."
_SECONDS = 5.0


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
        self._jar: Path | None = None
        super().__init__(self._options.flink_job_endpoint, beam_options)

    @property
    def on_cluster(self) -> bool:
        """Whether the workers may be on other machines."""
        return self._package is not None or self._options.flink_master != _EMBEDDED

    def check(self, out: str, catalog: str = "") -> None:
        """Check the cluster's address and that it answers, the workers' choice, Java and jar."""
        del out, catalog
        check_workers(self._workers)
        parallelism = self._options.flink_parallelism
        if parallelism is not None and parallelism < 1:
            raise RunnerError(f"--flink-parallelism must be at least 1, not {parallelism}.")
        if self.on_cluster and self._package is None:
            _check_cluster(self._options.flink_master)
        if self._options.flink_job_endpoint is not None:
            self.check_endpoint()
            return
        find_java()
        self._jar = self._find_jar()

    def package_to(self, jar: Path) -> None:
        """Have pipelines written to a jar for flink run."""
        self._package = jar

    def new_server(self) -> OwnServer:
        """Start the job server, which holds an embedded Flink too."""
        return JobServer(
            "The Flink job server",
            self._jar or self._find_jar(),
            ["--flink-master", self._options.flink_master],
            on_line=self.listen,
        )

    def _find_jar(self) -> Path:
        target = f":runners:flink:{self._options.flink_version}:job-server:shadowJar"
        return find_jar(self._options.flink_job_server_jar, "flink", target)

    def beam_options(self) -> Mapping[str, object]:
        """The workers' environment and parallelism."""
        options: dict[str, object] = dict(
            worker_environment(self._workers, cluster=self.on_cluster)
        )
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


def _check_cluster(address: str) -> None:
    """Check that a Flink cluster is behind an address: its client tries for minutes without a word.

    Raises:
        RunnerError: there is none.

    """
    what = f"The Flink cluster {address}"
    check_answers([address], what, _ADDRESS)
    connection = http.client.HTTPConnection(*split_address(address, what), timeout=_SECONDS)
    try:
        connection.request("GET", "/overview")
        found = "flink-version" in json.load(connection.getresponse())
    except (OSError, ValueError, TypeError, http.client.HTTPException):
        found = False
    finally:
        connection.close()
    if not found:
        raise RunnerError(f"What answers at {address} is no Flink cluster, or hangs. {_ADDRESS}")
