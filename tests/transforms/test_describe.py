"""The handler on Beam's RunInference: one outcome a task, marks passed on, one model a process."""

import pickle
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.ml.inference.base import RunInference
from apache_beam.testing.util import assert_that
from apache_beam.transforms.combiners import ToList
from hypothesis import given, settings
from hypothesis import strategies as st

from models.describing import Describer, DescribeRequest, Description
from runners.local import local_pipeline
from schemas.errors import ModelError, RowError
from schemas.failure import FailureKind
from storage.catalog.split import CatalogFile, RowRange, Split
from tests.transforms.work import (
    FakeDescriber,
    a_description,
    a_problem,
    a_task,
    an_image,
    describe_settings,
)
from transforms import describe
from transforms.describe import DescribingHandler
from transforms.items import Closed, Done, Item, Opened, Outcome, Task, WindowClosed
from transforms.lazy_model import LazyModel
from transforms.tally import tally_of

SPLIT = Split(
    split_id="s",
    offset=0,
    file=CatalogFile(uri="c.csv", identity=""),
    format="csv",
    rows=RowRange(start=0, stop=9),
)
OPENED = Opened(split=SPLIT, attempt="x", parts=())


def closed(tasks: int) -> WindowClosed:
    return WindowClosed(position=9, tasks=tasks, skipped=0, questions_sum=0)


def use(monkeypatch: pytest.MonkeyPatch, model: FakeDescriber) -> None:
    monkeypatch.setattr(describe, "load_describer", lambda *_, **__: model)


def say_prompt(request: DescribeRequest) -> Description:
    if request.prompt.startswith("poison"):
        raise ValueError(request.prompt)
    return a_description(f"of {request.prompt}")


def ready(model: FakeDescriber) -> LazyModel[Describer]:
    """A model that is there already."""
    found = LazyModel[Describer](describe_settings().source, lambda: model, "run")
    found._model = model
    return found


def infer(items: Sequence[Item], model: FakeDescriber, batch_size: int = 4) -> list[Done]:
    handler = DescribingHandler(describe_settings(batch_size=batch_size), "run")
    return list(handler.run_inference(items, ready(model)))


def texts(found: Iterable[Done]) -> list[str]:
    said = []
    for outcome in found:
        assert isinstance(outcome, Outcome)
        result = outcome.result
        assert isinstance(result, RowError | Description)
        said.append(result.kind.value if isinstance(result, RowError) else result.text)
    return said


def test_marks_are_passed_on_where_they_stand() -> None:
    first, failed = a_task(0, prompt="zero"), a_task(1, problem=a_problem())
    items: list[Item] = [OPENED, first, failed, closed(2), Closed()]
    found = infer(items, FakeDescriber(say_prompt))
    assert [found[0], *found[3:]] == [OPENED, items[3], items[4]]
    assert [outcome.task for outcome in found[1:3] if isinstance(outcome, Outcome)] == [
        first,
        failed,
    ]
    assert texts(found[1:3]) == ["of zero", "not_found"]


kinds_of_rows = st.lists(st.sampled_from(["good", "poison", "failed"]), max_size=30)


@settings(deadline=None)
@given(kinds_of_rows, st.integers(1, 9))
def test_each_task_has_its_own_outcome_whatever_else_is_there(
    kinds: list[str], batch_size: int
) -> None:
    tasks = [
        a_task(
            place,
            image=an_image(8 + place % 3),
            prompt=f"{kind}{place}",
            problem=a_problem() if kind == "failed" else None,
        )
        for place, kind in enumerate(kinds)
    ]
    found = infer(tasks, FakeDescriber(say_prompt), batch_size)
    expected = {"failed": "not_found", "poison": "model_error"}
    assert texts(found) == [
        expected.get(kind, f"of good{place}") for place, kind in enumerate(kinds)
    ]
    assert [outcome.task for outcome in found if isinstance(outcome, Outcome)] == tasks


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(1, 9))
def test_the_model_sees_each_good_row_once_in_batches_that_are_small_enough(
    count: int, batch_size: int
) -> None:
    model = FakeDescriber(say_prompt)
    infer([a_task(place, prompt=f"{place}") for place in range(count)], model, batch_size)
    assert all(len(batch) <= batch_size for batch in model.batches)
    seen = Counter(request.prompt for batch in model.batches for request in batch)
    assert seen == Counter(map(str, range(count)))


def test_the_model_is_asked_with_the_picture_the_prompt_and_the_row_s_seed() -> None:
    task = a_task(7, image=an_image(8, 16, 99), prompt="what?")
    model = FakeDescriber()
    infer([task], model)
    (request,) = model.batches[0]
    assert task.image is not None
    assert request.images[0] is task.image.pixels
    assert (request.prompt, request.seed) == ("what?", task.seed)
    assert 0 <= request.seed < 1 << 63


def test_out_of_memory_halves_later_windows_too() -> None:
    class Small(FakeDescriber):
        def generate(self, encoded: Any) -> list[Description | RowError]:
            results = super().generate(encoded)
            if len(results) > 2:
                raise MemoryError
            return results

    model = Small(say_prompt)
    handler = DescribingHandler(describe_settings(batch_size=8), "run")
    tasks = [a_task(place, prompt=f"{place}") for place in range(8)]
    for attempt in range(2):
        model.batches.clear()
        found = list(handler.run_inference(tasks, ready(model)))
        assert texts(found) == [f"of {place}" for place in range(8)]
        assert (max(map(len, model.batches)) <= 2) == bool(attempt)


def test_a_row_without_text_is_a_failure_of_its_own() -> None:
    empty = RowError(FailureKind.EMPTY_OUTPUT, "The model generated no text for this row.")
    model = FakeDescriber(lambda request: empty if request.prompt == "0" else say_prompt(request))
    found = infer([a_task(0, prompt="0"), a_task(1, prompt="1")], model)
    assert texts(found) == ["empty_output", "of 1"]


def test_a_window_without_good_rows_needs_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> FakeDescriber:
        raise AssertionError("nobody needs a model")

    monkeypatch.setattr(describe, "load_describer", refuse)
    handler = DescribingHandler(describe_settings(), "run")
    items: list[Item] = [OPENED, a_task(0, problem=a_problem()), closed(1), Closed()]
    assert len(list(handler.run_inference(items, handler.load_model()))) == 4
    assert tally_of("run").model_loads == 0


def test_many_threads_load_one_model_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []
    barrier = threading.Barrier(8)

    def load(source: object, *, device: str | None, dtype: str | None) -> FakeDescriber:
        loads.append((source, device, dtype))
        time.sleep(0.1)  # long enough for the other threads to ask
        return FakeDescriber()

    monkeypatch.setattr(describe, "load_describer", load)
    settings = describe_settings(dtype="float32")
    lazy = DescribingHandler(settings, "run").load_model()
    assert loads == []

    def get(_: int) -> object:
        barrier.wait()
        return lazy.get()

    with ThreadPoolExecutor(8) as threads:
        models = list(threads.map(get, range(8)))
    assert all(model is models[0] for model in models)
    assert loads == [(settings.source, None, "float32")]
    assert tally_of("run").model_loads == 1


def test_a_model_that_cannot_be_loaded_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> FakeDescriber:
        raise ModelError("The weights are missing.")

    monkeypatch.setattr(describe, "load_describer", load)
    handler = DescribingHandler(describe_settings(), "run")
    for _ in range(2):
        with pytest.raises(ModelError, match="The weights are missing"):
            list(handler.run_inference([a_task(0)], handler.load_model()))
    assert tally_of("run").model_loads == 0


def test_bytes_are_those_of_the_pixels() -> None:
    handler = DescribingHandler(describe_settings(), "run")
    items: list[Item] = [
        OPENED,
        a_task(0, image=an_image(10, 20)),
        a_task(1, problem=a_problem()),
        a_task(2, image=an_image(3, 4)),
    ]
    assert handler.get_num_bytes(items) == 3 * (10 * 20 + 3 * 4)


def test_the_handler_travels_to_a_worker() -> None:
    handler = pickle.loads(pickle.dumps(DescribingHandler(describe_settings(), "run")))
    found = list(
        handler.run_inference([a_task(0, prompt="zero")], ready(FakeDescriber(say_prompt)))
    )
    assert texts(found) == ["of zero"]


def make_window(_: None) -> list[Item]:
    good: list[Item] = [a_task(place, prompt=f"{place}") for place in range(10)]
    return [OPENED, *good, closed(10), Closed()]


def told(item: Done) -> str:
    return texts([item])[0] if isinstance(item, Outcome) else type(item).__name__


def test_run_inference_hands_windows_over_whole_and_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, FakeDescriber(say_prompt))
    handler = DescribingHandler(describe_settings(), "run").with_no_batching()
    with local_pipeline() as pipeline:
        found = (
            pipeline
            | beam.Create([None])
            | beam.Map(make_window).with_output_types(list[Item])
            | RunInference(handler)
            | beam.Map(told)
            | ToList()
        )

        def check(lists: list[list[str]]) -> None:
            expected = ["Opened", *(f"of {place}" for place in range(10)), "WindowClosed", "Closed"]
            assert lists == [expected]

        assert_that(found, check)


def test_the_time_inside_the_model_is_counted() -> None:
    tasks: list[Task] = [a_task(0)]
    infer(tasks, FakeDescriber())
    assert tally_of("run").model_seconds > 0
