"""This machine: Beam's FnApiRunner, in this process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from cyclopts import Group, Parameter

from runners.engine import Engine
from runners.errors import RunnerError

if TYPE_CHECKING:
    import apache_beam as beam

_LOCAL = Parameter(group=Group("Runner local", sort_key=10))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """How much of this machine a job takes."""

    workers: Annotated[int, _LOCAL] = 1
    """Splits worked on at the same time, by threads that share one model."""


class LocalEngine(Engine):
    """Runs a job in this process.

    Workers are threads. The work that they do outside the interpreter's lock (the model, network,
    disk; decoding has processes of its own) runs at the same time, they share one model, and they
    end with the process at once, which worker processes do not.
    """

    name: ClassVar[str] = "local"

    def __init__(
        self, options: LocalOptions | None = None, beam_options: Sequence[str] = ()
    ) -> None:
        self._options = options or LocalOptions()
        self._beam_options = tuple(beam_options)

    @property
    def in_process(self) -> bool:
        """Always."""
        return True

    def check(self, out: str, catalog: str = "") -> None:
        """Check the number of workers."""
        del out, catalog
        if self._options.workers < 1:
            raise RunnerError(f"--workers must be at least 1, not {self._options.workers}.")

    def pipeline(self) -> "beam.Pipeline":
        """A pipeline that runs in this process."""
        return local_pipeline(self._options.workers, self._beam_options)

    def asks_for(self) -> Mapping[str, str]:
        """Threads of this process."""
        return {"workers": f"{self._options.workers} in this process"}


def local_pipeline(workers: int = 1, beam_options: Sequence[str] = ()) -> "beam.Pipeline":
    """A pipeline that runs in this process, in so many threads.

    DirectRunner would choose between runners by the pipeline's content, and may fetch one from
    the network; FnApiRunner is what it would choose here, asked for by name.
    """
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

    mode = "in_memory" if workers == 1 else "multi_threading"
    options = PipelineOptions(
        [f"--direct_running_mode={mode}", f"--direct_num_workers={workers}", *beam_options]
    )
    return beam.Pipeline(runner=FnApiRunner(), options=options)
