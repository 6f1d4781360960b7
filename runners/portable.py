"""What Spark, Flink and Prism share: a job server, the launcher's own or one that runs already."""

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from runners.engine import Engine
from runners.errors import RunnerError
from runners.quiet_workers import quiet_workers
from runners.reach import check_answers, check_serves_calls
from runners.worker_errors import worker_error, worker_notice

if TYPE_CHECKING:
    import apache_beam as beam

_SECONDS_BETWEEN_QUESTIONS = 30.0


class OwnServer(Protocol):
    """A job server that this launcher started."""

    def endpoint(self) -> str:
        """HOST:PORT, once it takes jobs."""
        ...

    def trouble(self) -> str | None:
        """A sentence if it ended."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class PortableEngine(Engine):
    """Submits to a Beam job server.

    Args:
        job_endpoint: HOST:PORT of a job server that runs already; None starts one.
        beam_options: passed on to Beam as they are.

    """

    def __init__(self, job_endpoint: str | None, beam_options: Sequence[str]) -> None:
        self._job_endpoint = job_endpoint
        self._beam_options = tuple(beam_options)
        self._server: OwnServer | None = None
        self._worker_error: str | None = None
        self._notice: str | None = None
        self._ask_again = time.monotonic() + _SECONDS_BETWEEN_QUESTIONS
        self._package: Path | None = None

    @abstractmethod
    def new_server(self) -> OwnServer:
        """Start a job server."""

    @abstractmethod
    def beam_options(self) -> Mapping[str, object]:
        """Beam's options for a job there, environment included."""

    def check_endpoint(self, options: object, *own: str) -> None:
        """Check that a job server that is to run already answers, and is asked for nothing more.

        Args:
            options: the engine's options.
            own: names of those that are for a job server of the launcher's own.

        Raises:
            RunnerError: it does not answer, or such an option is given too.

        """
        assert self._job_endpoint is not None
        for name in own:
            if getattr(options, name) != getattr(type(options)(), name):
                raise RunnerError(
                    f"--{name.replace('_', '-')} is for a job server that this command starts, and "
                    "one that runs already is named. Leave out one of them."
                )
        if self._package is not None:
            raise RunnerError("A package is made by a job server that this command starts.")
        advice = "Start it, or leave out the option to have one started."
        check_answers([self._job_endpoint], "The job server", advice)
        check_serves_calls(self._job_endpoint, "The job server", advice)

    def start(self) -> None:
        """Start a job server, unless one is named."""
        if self._job_endpoint is None and self._server is None:
            self._server = self.new_server()

    def pipeline(self) -> "beam.Pipeline":
        """A pipeline that is submitted to the job server."""
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
        from apache_beam.runners.portability.portable_runner import PortableRunner

        endpoint = self._job_endpoint or (self._server and self._server.endpoint())
        if endpoint is None:
            raise RunnerError(f"The runner {self.name} was not started.")
        # Those that a local engine has are in this process.
        quiet_workers()
        package = [f"--output_executable_path={self._package}"] if self._package else []
        options = PipelineOptions(
            [
                f"--job_endpoint={endpoint}",
                *package,
                *(f"--{name}={value}" for name, value in self.beam_options().items()),
                *self._beam_options,
            ]
        )
        return beam.Pipeline(runner=PortableRunner(), options=options)

    def trouble(self) -> str | None:
        """A worker that cannot serve, or the job server's end."""
        if self._server is not None:
            return self._worker_error or self._server.trouble()
        return self._absence()

    def notice(self) -> str | None:
        """What the job server's log says that people may want to act on."""
        return self._notice

    def _absence(self) -> str | None:
        """A sentence if a job server that is not ours is gone: its silence lasts for ever."""
        if self._job_endpoint is None or time.monotonic() < self._ask_again:
            return None
        self._ask_again = time.monotonic() + _SECONDS_BETWEEN_QUESTIONS
        try:
            check_answers([self._job_endpoint], "The job server", "The job may go on without it.")
        except RunnerError as error:
            return str(error)
        return None

    def close(self) -> None:
        """End the job server, and with it what it started."""
        if self._server is not None:
            self._server.close()

    def listen(self, line: str) -> None:
        """Take in a line of the job server's log."""
        self._worker_error = self._worker_error or worker_error(line)
        self._notice = worker_notice(line) or self._notice
