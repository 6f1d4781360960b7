"""Running a few steps as a pipeline of one's own does, and looking at what they give."""

from collections.abc import Callable
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.pvalue import PCollection
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.transforms.combiners import ToList

from runners.local import local_pipeline
from tests.transforms.work import FakeDescriber
from transforms import describe

Outputs = tuple[PCollection[Any], ...]
_found: dict[str, list[Any]] = {}


def outputs_of(build: Callable[[beam.Pipeline], Outputs]) -> list[list[Any]]:
    """Run what ``build`` adds to a pipeline; give the elements of each of its outputs."""
    _found.clear()
    with local_pipeline() as pipeline:
        collections = build(pipeline)
        for number, collection in enumerate(collections):
            _ = (
                collection
                | f"List{number}" >> ToList()
                | f"Keep{number}" >> beam.Map(_keep, str(number))
            )
    return [_found[str(number)] for number in range(len(collections))]


def _keep(elements: list[Any], name: str) -> None:
    _found[name] = elements


def stages_of(build: Callable[[beam.Pipeline], object]) -> list[list[str]]:
    """The names of the steps that a runner puts together."""
    pipeline = local_pipeline()
    build(pipeline)
    stages = FnApiRunner().create_stages(pipeline.to_runner_api())[1]
    return [[transform.unique_name for transform in stage.transforms] for stage in stages]


def shuffles_of(build: Callable[[beam.Pipeline], object]) -> list[str]:
    """The names of a pipeline's shuffles."""
    pipeline = local_pipeline()
    build(pipeline)
    return [
        transform.unique_name
        for transform in pipeline.to_runner_api().components.transforms.values()
        if transform.spec.urn == "beam:transform:group_by_key:v1"
    ]


def answer_at_once(monkeypatch: pytest.MonkeyPatch, model: FakeDescriber) -> FakeDescriber:
    """Let a model of the test's own describe the pictures, whichever is named."""
    monkeypatch.setattr(describe, "load_describer", lambda *_, **__: model)
    return model
