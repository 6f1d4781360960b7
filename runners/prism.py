"""Prism: Beam's own portable runner in Go, on this machine."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from cyclopts import Group, Parameter

from runners.environment import WorkerOptions, worker_environment
from runners.errors import RunnerError
from runners.portable import OwnServer, PortableEngine
from runners.server import Server

_PRISM = Parameter(group=Group("Runner prism", sort_key=14))
_SECONDS_TO_START = 20.0
_MANY_SECONDS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PrismOptions:
    """Which Prism a job runs on."""

    prism_location: Annotated[str | None, _PRISM] = None
    """The program prism; by default the one on the PATH or in ~/go/bin."""


class PrismEngine(PortableEngine):
    """Runs a job on a Prism of the launcher's own, with the workers in this process."""

    name: ClassVar[str] = "prism"

    def __init__(
        self, options: PrismOptions | None = None, beam_options: Sequence[str] = ()
    ) -> None:
        self._options = options or PrismOptions()
        super().__init__(None, beam_options)

    def check(self, out: str, reaches: Mapping[str, str] | None = None) -> None:
        """Check that there is a prism: Beam would fetch one, without a time limit."""
        del out, reaches
        self._find()

    def new_server(self) -> OwnServer:
        """Start it."""
        return _PrismServer(self._find())

    def beam_options(self) -> Mapping[str, object]:
        """Workers in this process, and no limit on the job's time: for Prism, Beam's is one."""
        environment = worker_environment(WorkerOptions(), cluster=False)
        return {**environment, "job_server_timeout": _MANY_SECONDS}

    def asks_for(self) -> Mapping[str, str]:
        """The program."""
        return {"program": self._find(), "workers": "in this process"}

    def _find(self) -> str:
        given = self._options.prism_location
        if given is not None:
            program = shutil.which(Path(given).expanduser().absolute())
            if program is None:
                raise RunnerError(f"--prism-location names {given}, and that is no program.")
            return str(program)
        found = shutil.which("prism") or shutil.which(Path.home() / "go" / "bin" / "prism")
        if found is None:
            from importlib.metadata import version

            raise RunnerError(
                "There is no program prism. Build it with: go install "
                f"github.com/apache/beam/sdks/v2/go/cmd/prism@v{version('apache-beam')}."
            )
        return str(found)


class _PrismServer:
    """A running Prism."""

    def __init__(self, program: str) -> None:
        from apache_beam.utils.subprocess_server import pick_port

        (port,) = pick_port(None)
        self._endpoint = f"localhost:{port}"
        self._server = Server(
            "Prism", [program, f"--job_port={port}", "--serve_http=false", "--log_kind=text"]
        )

    def endpoint(self) -> str:
        """Where it takes jobs, once it does."""
        self._server.wait_for(r"Serving JobManagement", _SECONDS_TO_START)
        return self._endpoint

    def trouble(self) -> str | None:
        """A sentence if it ended."""
        return self._server.last_words() if self._server.ended() else None

    def close(self) -> None:
        """End it."""
        self._server.close()
