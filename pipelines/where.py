"""Where a job runs, as the command line says it. Imported for ``--help``: no Beam here."""

from dataclasses import dataclass, field, fields
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from pipelines.job_names import JOBS
from runners.beam_options import check_beam_options
from runners.dataflow.options import DataflowOptions
from runners.engine import Engine
from runners.environment import WorkerOptions
from runners.errors import RunnerError
from runners.flink.options import FlinkOptions
from runners.local import LocalOptions
from runners.prism import PrismOptions
from runners.spark.options import SparkOptions
from schemas.errors import UsageError

_WHERE = Parameter(group=Group("Where it runs", sort_key=9))

_WITH_RUNNER = (*JOBS, "package")

RunnerName = Literal["local", "spark", "flink", "prism", "dataflow"]


@dataclass(frozen=True, kw_only=True)
class WhereConfig:
    """The runner and its options.

    Raises:
        UsageError: an option of another runner is given.

    """

    runner: Annotated[RunnerName, _WHERE] = "local"
    """Engine: local is this machine. What follows -- on the command line is passed to Beam."""
    local: Annotated[LocalOptions, Parameter(name="*")] = field(default_factory=LocalOptions)
    worker: Annotated[WorkerOptions, Parameter(name="*")] = field(default_factory=WorkerOptions)
    spark: Annotated[SparkOptions, Parameter(name="*")] = field(default_factory=SparkOptions)
    flink: Annotated[FlinkOptions, Parameter(name="*")] = field(default_factory=FlinkOptions)
    prism: Annotated[PrismOptions, Parameter(name="*")] = field(default_factory=PrismOptions)
    dataflow: Annotated[DataflowOptions, Parameter(name="*")] = field(
        default_factory=DataflowOptions
    )
    beam_option: Annotated[tuple[str, ...], Parameter(show=False)] = ()
    """What follows ``--``: see :func:`take_beam_options`."""

    def __post_init__(self) -> None:
        of_runner = {
            "local": (self.local,),
            "spark": (self.spark, self.worker),
            "flink": (self.flink, self.worker),
            "prism": (self.prism,),
            "dataflow": (self.dataflow,),
        }
        serving = of_runner[self.runner]
        for runner, groups in of_runner.items():
            for group in groups:
                if group in serving:
                    continue
                default = type(group)()
                for option in fields(group):
                    if getattr(group, option.name) != getattr(default, option.name):
                        raise UsageError(
                            f"--{option.name.replace('_', '-')} is an option of --runner {runner}, "
                            f"and the runner is {self.runner}."
                        )

    def engine(self) -> Engine:
        """The place where the job is to run.

        Raises:
            UsageError: Beam refuses what is passed on to it.

        """
        if self.beam_option:
            try:
                check_beam_options(self.beam_option)
            except RunnerError as error:
                raise UsageError(str(error)) from error
        # Each imported when it is chosen.
        if self.runner == "spark":
            from runners.spark.engine import SparkEngine

            return SparkEngine(self.spark, self.worker, self.beam_option)
        if self.runner == "flink":
            from runners.flink.engine import FlinkEngine

            return FlinkEngine(self.flink, self.worker, self.beam_option)
        if self.runner == "prism":
            from runners.prism import PrismEngine

            return PrismEngine(self.prism, self.beam_option)
        if self.runner == "dataflow":
            from runners.dataflow.engine import DataflowEngine

            return DataflowEngine(self.dataflow, self.beam_option)
        from runners.local import LocalEngine

        return LocalEngine(self.local, self.beam_option)


def take_beam_options(arguments: list[str]) -> None:
    """Turn what follows ``--`` into hidden options, for it is Beam's and not ours to parse."""
    if "--" in arguments and arguments[0] in _WITH_RUNNER:
        at = arguments.index("--")
        arguments[at:] = [f"--beam-option={argument}" for argument in arguments[at + 1 :]]
