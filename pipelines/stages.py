"""Which steps of a pipeline a runner puts together into one stage, found out without running it."""

from collections.abc import Mapping
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

# Names of steps that only hold others, and say nothing to who reads a stage.
_HOLDING = {"CatalogJob", "Work"}
# Reads and writes of what passes between stages.
_BETWEEN = ("beam:runner:source:v1", "beam:runner:sink:v1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Steps that are run as one, row by row, by the same worker.

    Attributes:
        steps: Beam's full names of the steps, in order.
        hints: Beam's resource hints for the workers, such as ``accelerator``.

    """

    steps: tuple[str, ...]
    hints: Mapping[str, str]

    @property
    def title(self) -> str:
        """The steps as people know them."""
        names = [
            next(name for name in [*step.split("/"), step] if name not in _HOLDING)
            for step in self.steps
        ]
        return ", ".join(dict.fromkeys(names))


def stages_of(pipeline: beam.Pipeline) -> tuple[Stage, ...]:
    """Fuse a pipeline's steps as Beam's portable runners do.

    Args:
        pipeline: with the job in it; of any runner.

    Returns:
        The stages in the order in which they run.

    """
    context, stages = FnApiRunner().create_stages(pipeline.to_runner_api())
    environments = context.components.environments
    return tuple(
        Stage(
            steps=steps,
            hints={
                urn.removeprefix("beam:resources:").removesuffix(":v1"): value.decode()
                for urn, value in environments[stage.environment].resource_hints.items()
            },
        )
        for stage in stages
        if (steps := tuple(step.unique_name for step in stage.transforms if _is_work(step)))
    )


def _is_work(step: beam_runner_api_pb2.PTransform) -> bool:
    return step.spec.urn not in _BETWEEN
