"""The local runner: in this process, one worker, no surprises from the network or the caller."""

import os
import sys
import threading
from collections.abc import Iterator
from typing import ClassVar

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from runners.local import LocalEngine, LocalOptions, local_pipeline


class Remember(beam.DoFn):
    """Notes where it ran; a class variable is seen in this process only."""

    places: ClassVar[set[tuple[int, int]]] = set()
    setups: ClassVar[list[None]] = []

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def setup(self) -> None:
        self.setups.append(None)

    def process(self, item: int) -> Iterator[int]:
        self.places.add((os.getpid(), threading.get_ident()))
        yield item * 2


def test_a_pipeline_runs_in_this_process_and_in_one_worker() -> None:
    Remember.places.clear()
    Remember.setups.clear()
    with local_pipeline() as pipeline:
        found = pipeline | beam.Create(range(20)) | beam.Reshuffle() | beam.ParDo(Remember())
        assert_that(found, equal_to([2 * number for number in range(20)]))
    assert {process for process, _ in Remember.places} == {os.getpid()}
    assert len({thread for _, thread in Remember.places}) == 1
    assert len(Remember.setups) == 1


def test_the_runner_is_named_rather_than_chosen() -> None:
    pipeline = local_pipeline()
    assert type(pipeline.runner) is FnApiRunner
    options = pipeline.options.view_as(DirectOptions)
    assert options.direct_running_mode == "in_memory"
    assert options.direct_num_workers == 1


def test_the_command_line_of_the_process_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["calumma", "--runner=DataflowRunner", "--streaming"])
    options = local_pipeline().options.get_all_options()
    assert not options["streaming"]
    with local_pipeline() as pipeline:
        assert_that(pipeline | beam.Create([1]), equal_to([1]))


def test_an_error_of_a_step_is_raised_here_as_what_it_is() -> None:
    def refuse(_: int) -> int:
        raise KeyError("this one")

    pipeline = local_pipeline()
    pipeline | beam.Create([1]) | beam.Map(refuse).with_output_types(int)
    with pytest.raises(KeyError, match="this one"):
        pipeline.run().wait_until_finish()


def test_pipelines_are_each_their_own() -> None:
    first, second = local_pipeline(), local_pipeline()
    first | beam.Create([1])
    assert len(second.to_runner_api().components.transforms) < len(
        first.to_runner_api().components.transforms
    )


@pytest.mark.parametrize("gpu", [True, False])
def test_workers_share_a_gpu_and_not_a_processor(
    gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.accelerator.is_available", lambda: gpu)
    engine = LocalEngine(LocalOptions(workers=2))
    engine.start()
    try:
        options = engine.pipeline().options.view_as(DirectOptions)
        assert options.direct_num_workers == 2
        assert engine.in_process == gpu
        assert (options.direct_running_mode == "multi_threading") == gpu
    finally:
        engine.close()
