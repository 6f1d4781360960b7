"""One bad row costs one row, and running out of memory costs no row at all."""

import contextlib
import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import RowError, RunError
from schemas.failure import FailureKind
from transforms.isolation import BatchRunner


class OutOfMemoryError(Exception):
    pass


class PoisonError(Exception):
    pass


class Model:
    """Doubles numbers; fails on poisoned ones, and on batches that are too large."""

    def __init__(self, poisoned: set[int] = frozenset(), capacity: int = 10**9) -> None:  # type: ignore[assignment]
        self.poisoned = poisoned
        self.capacity = capacity
        self.calls: list[list[int]] = []

    def __call__(self, batch: Sequence[int]) -> list[int | RowError]:
        self.calls.append(list(batch))
        if len(batch) > self.capacity:
            raise OutOfMemoryError("no room")
        if self.poisoned & set(batch):
            raise PoisonError("this row")
        return [2 * number for number in batch]


def a_runner(freed: list[None] | None = None) -> BatchRunner:
    return BatchRunner(
        lambda error: isinstance(error, OutOfMemoryError),
        lambda: None if freed is None else freed.append(None),
    )


def kinds(results: Sequence[int | RowError]) -> list[int | FailureKind]:
    return [result.kind if isinstance(result, RowError) else result for result in results]


batches = st.integers(0, 70).flatmap(
    lambda size: st.tuples(
        st.just(size), st.sets(st.integers(0, max(size - 1, 0)), max_size=min(size, 6))
    )
)


@settings(deadline=None)
@given(batches)
def test_exactly_the_poisoned_rows_fail_and_the_order_holds(drawn: tuple[int, set[int]]) -> None:
    size, poisoned = drawn
    model = Model(poisoned)
    results = a_runner().run(range(size), model)
    assert kinds(results) == [
        FailureKind.MODEL_ERROR if number in poisoned else 2 * number for number in range(size)
    ]


@settings(deadline=None)
@given(batches)
def test_finding_a_poisoned_row_costs_a_walk_down_a_tree(drawn: tuple[int, set[int]]) -> None:
    size, poisoned = drawn
    model = Model(poisoned)
    a_runner().run(range(size), model)
    depth = math.ceil(math.log2(size)) if size > 1 else 0
    assert len(model.calls) <= 1 + 2 * depth * len(poisoned)
    assert sum(len(call) == 1 and call[0] in poisoned for call in model.calls) == len(poisoned)


@settings(deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.sets(st.integers(0, 79), max_size=3))
def test_rows_that_do_not_fit_together_all_come_out(
    size: int, capacity: int, poisoned: set[int]
) -> None:
    model = Model(poisoned, capacity)
    results = a_runner().run(range(size), model)
    assert kinds(results) == [
        FailureKind.MODEL_ERROR if number in poisoned else 2 * number for number in range(size)
    ]


@settings(deadline=None)
@given(st.integers(1, 80), st.integers(1, 80))
def test_a_size_that_was_too_large_is_not_tried_again(size: int, capacity: int) -> None:
    model = Model(capacity=capacity)
    runner = a_runner()
    runner.run(range(size), model)
    first = len(model.calls)
    assert runner.run(range(size), model) == [2 * number for number in range(size)]
    assert all(len(call) <= capacity for call in model.calls[first:])
    if size <= capacity:
        assert runner.largest_batch is None
    else:
        assert runner.largest_batch is not None
        assert 1 <= runner.largest_batch <= capacity


def test_memory_is_given_back_before_the_halves_are_tried() -> None:
    freed: list[None] = []
    model = Model(capacity=2)
    a_runner(freed).run(range(8), model)
    assert [len(call) for call in model.calls] == [8, 4, 2, 2, 4, 2, 2]
    assert len(freed) == 3


def test_a_poisoned_row_says_nothing_about_the_batch_size() -> None:
    runner = a_runner()
    runner.run(range(16), Model({3}))
    assert runner.largest_batch is None


def test_a_row_too_large_by_itself_does_not_shrink_the_batches_of_the_others() -> None:
    class Uneven(Model):
        def __call__(self, batch: Sequence[int]) -> list[int | RowError]:
            if 3 in batch:
                raise OutOfMemoryError("a giant")
            return super().__call__(batch)

    runner, model = a_runner(), Uneven()
    results = runner.run(range(16), model)
    assert [number for number, result in enumerate(results) if isinstance(result, RowError)] == [3]
    model.calls.clear()
    runner.run(range(16, 32), model)
    assert model.calls == [list(range(16, 32))]


def test_a_size_that_was_remembered_grows_back_by_and_by() -> None:
    runner, model = a_runner(), Model(capacity=2)
    runner.run(range(8), model)
    model.capacity = 8
    model.calls.clear()
    runner.run(range(4000), model)
    sizes = [len(call) for call in model.calls]
    assert sizes[0] == 2
    assert sizes[-2] == 8


def test_trying_what_memory_cannot_hold_costs_little() -> None:
    runner, model = a_runner(), Model(capacity=2)
    runner.run(range(8), model)
    model.calls.clear()
    runner.run(range(4000), model)
    wasted = sum(len(call) for call in model.calls if len(call) > 2)
    assert 0 < wasted <= 4000 * 0.03


def test_a_row_too_large_for_memory_alone_fails_as_that() -> None:
    (error,) = a_runner().run([1], Model(capacity=0))
    assert isinstance(error, RowError)
    assert error.kind is FailureKind.OUT_OF_MEMORY
    assert error.kind.retryable
    assert "no room" in error.message


def test_the_model_s_own_words_are_in_the_failure() -> None:
    (error,) = a_runner().run([1], Model({1}))
    assert isinstance(error, RowError)
    assert error.message == "The model failed on this row: PoisonError: this row"


def test_a_row_error_keeps_its_kind() -> None:
    def refuse(batch: Sequence[int]) -> list[int | RowError]:
        raise RowError(FailureKind.PROMPT_TOO_LONG, "too long")

    results = a_runner().run([1, 2], refuse)
    assert kinds(results) == [FailureKind.PROMPT_TOO_LONG] * 2


def test_errors_that_the_model_gives_as_values_are_passed_on() -> None:
    error = RowError(FailureKind.EMPTY_OUTPUT, "nothing")
    calls = []

    def mixed(batch: Sequence[int]) -> list[int | RowError]:
        calls.append(batch)
        return [error if number % 2 else number for number in batch]

    assert a_runner().run([1, 2, 3], mixed) == [error, 2, error]
    assert len(calls) == 1


def test_a_model_that_leaves_a_row_out_is_an_error_and_not_another_row_s_result() -> None:
    def forgetful(batch: Sequence[int]) -> list[int | RowError]:
        return [2 * number for number in batch if number or len(batch) == 1]

    with contextlib.suppress(ValueError, RunError):
        results = a_runner().run(range(4), forgetful)
        for number, result in enumerate(results):
            assert isinstance(result, RowError) or result == 2 * number


def test_an_interrupt_is_no_bad_row() -> None:
    def interrupt(batch: Sequence[int]) -> list[int | RowError]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        a_runner().run([1, 2], interrupt)
