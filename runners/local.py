"""This machine: Beam's FnApiRunner, with workers in this process or in processes of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from cyclopts import Group, Parameter

from runners.engine import Engine
from runners.errors import RunnerError
from runners.quiet_workers import quiet_workers
from runners.worker_processes import WorkerProcesses

if TYPE_CHECKING:
    import apache_beam as beam

_LOCAL = Parameter(group=Group("Runner local", sort_key=10))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """How much of this machine a job takes."""

    workers: Annotated[int, _LOCAL] = 1
    """Splits worked on at once: by processes, or by threads that share the model of a GPU."""


class LocalEngine(Engine):
    """Runs a job on this machine.

    One worker is this process itself. Several are processes where the model runs on the CPU, for
    threads would take turns at the interpreter's lock: two of them are no faster than one. On a GPU
    they are threads: one model fills it, and what they wait for is outside the lock.
    """

    name: ClassVar[str] = "local"

    def __init__(
        self, options: LocalOptions | None = None, beam_options: Sequence[str] = ()
    ) -> None:
        self._options = options or LocalOptions()
        self._beam_options = tuple(beam_options)
        self._processes: WorkerProcesses | None = None

    @property
    def in_process(self) -> bool:
        """Unless workers are processes."""
        return self._mode() != "multi_processing"

    @property
    def submits(self) -> bool:
        """Never: a job ends with this process."""
        return False

    def check(self, out: str, reaches: Mapping[str, str] | None = None) -> None:
        """Check the number of workers."""
        del out, reaches
        if self._options.workers < 1:
            raise RunnerError(f"--workers must be at least 1, not {self._options.workers}.")

    def start(self) -> None:
        """Listen for the worker processes, if there are to be any."""
        if not self.in_process and self._processes is None:
            self._processes = WorkerProcesses()

    def pipeline(self) -> "beam.Pipeline":
        """A pipeline that runs on this machine."""
        if self._processes is None:
            quiet_workers()
            return local_pipeline(self._options.workers, self._beam_options)
        return _pipeline_of_processes(
            self._options.workers,
            self._processes.command(self._options.workers),
            self._beam_options,
        )

    def trouble(self) -> str | None:
        """A worker process that died."""
        return self._processes.trouble() if self._processes else None

    def close(self) -> None:
        """End the worker processes."""
        if self._processes is not None:
            self._processes.close()

    def asks_for(self) -> Mapping[str, str]:
        """The workers."""
        kinds = {
            "in_memory": "in this process",
            "multi_threading": "threads of this process, which share one model",
            "multi_processing": "processes, each with a model of its own",
        }
        return {"workers": f"{self._options.workers} {kinds[self._mode()]}"}

    def _mode(self) -> str:
        """Beam's name for how it works."""
        if self._options.workers == 1:
            return "in_memory"
        import torch

        return "multi_threading" if torch.accelerator.is_available() else "multi_processing"


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


def _pipeline_of_processes(
    workers: int, command: str, beam_options: Sequence[str]
) -> "beam.Pipeline":
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    # Beam's own mode for it starts processes that outlive a launcher that is killed.
    environment = SubprocessSDKEnvironment.from_command_string(command)
    options = PipelineOptions([f"--direct_num_workers={workers}", *beam_options])
    return beam.Pipeline(runner=FnApiRunner(default_environment=environment), options=options)
