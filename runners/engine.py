"""What a launcher asks of a place where jobs run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from runners.errors import RunnerError

if TYPE_CHECKING:
    import apache_beam as beam
    from apache_beam.runners.runner import PipelineResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRequest:
    """What would be sent to a service to run a pipeline.

    Attributes:
        summary: the main things by name, a line each, for people.
        body: all of it, in JSON's types.

    """

    summary: Mapping[str, str]
    body: Mapping[str, object]


class Engine(ABC):
    """A place where a job runs: checked, started, asked for a pipeline, watched, closed.

    Attributes:
        name: as in ``--runner``.

    """

    name: ClassVar[str]

    @property
    def waits(self) -> bool:
        """Whether running a pipeline lasts until the job has ended; else it was handed over."""
        return True

    @property
    def in_process(self) -> bool:
        """Whether all work is done inside this process, so that its counts can be seen here."""
        return False

    @property
    def submits(self) -> bool:
        """Whether the job runs elsewhere under a name, by which it can be cancelled."""
        return True

    def check(self, out: str, reaches: Mapping[str, str] | None = None) -> None:
        """Check what can be checked at once, before anything is written.

        Args:
            out: the output's absolute URI.
            reaches: the absolute URIs of where else workers must get to, by what is there, with its
                article.

        Raises:
            RunnerError: the job cannot run there.

        """
        del out, reaches

    def start(self) -> None:  # noqa: B027 - most have nothing to start
        """Start what must be there before a pipeline can be. May be called again.

        Raises:
            RunnerError: it does not start.

        """

    @abstractmethod
    def pipeline(self) -> "beam.Pipeline":
        """A new pipeline that runs there."""

    def offline_pipeline(self) -> "beam.Pipeline":
        """A new pipeline to be looked at and never run: nothing is started or asked for it."""
        import apache_beam as beam
        from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

        return beam.Pipeline(runner=FnApiRunner())

    def request(self, pipeline: "beam.Pipeline") -> ServiceRequest | None:
        """What would be sent to a service to run a pipeline, without sending it.

        Args:
            pipeline: an :meth:`offline_pipeline` with the job in it.

        Returns:
            None where the pipeline is sent to no service.

        """
        del pipeline
        return None

    def page(self, result: "PipelineResult") -> str | None:
        """Where people can watch a running pipeline in a browser; None if nowhere."""
        del result
        return None

    def trouble(self) -> str | None:
        """What has gone wrong since the start that the pipeline will not tell; None if nothing."""
        return None

    def notice(self) -> str | None:
        """What people should know while they wait; None if nothing."""
        return None

    def cancel(self) -> None:  # noqa: B027 - most are told by way of the pipeline
        """End what the pipeline has under way there, where Beam's own cancelling does not."""

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End what was started. May be called at any time, and again."""

    def package_to(self, jar: Path) -> None:
        """Have the pipelines written to a jar that a cluster's own tools submit, and not run.

        Raises:
            RunnerError: this engine has no such jars.

        """
        del jar
        raise RunnerError(f"There are packages for spark and flink, not for {self.name}.")

    def resource_hints(self) -> Mapping[str, str]:
        """Beam's resource hints for the steps that do the work: a GPU, memory; none by default."""
        return {}

    @abstractmethod
    def asks_for(self) -> Mapping[str, str]:
        """What would be asked for, by name, for people to read."""
