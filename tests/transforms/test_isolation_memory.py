"""What a runner remembers of memory that ran out, and a device that fails."""

from collections.abc import Sequence

import pytest

from schemas.errors import RowError, RunError
from schemas.failure import FailureKind
from transforms.isolation import BatchRunner

MONSTER = -1


class Device:
    """Takes so many rows at once, and no monster at all."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.sizes: list[int] = []

    def __call__(self, batch: Sequence[int]) -> list[int | RowError]:
        self.sizes.append(len(batch))
        if len(batch) > self.capacity or MONSTER in batch:
            raise MemoryError
        return list(batch)


def a_runner() -> BatchRunner:
    return BatchRunner(lambda error: isinstance(error, MemoryError), lambda: None)


def failures(results: Sequence[int | RowError]) -> list[FailureKind]:
    return [result.kind for result in results if isinstance(result, RowError)]


@pytest.mark.parametrize("size", [1, 2, 32])
def test_a_row_too_large_by_itself_leaves_the_size_of_later_batches(size: int) -> None:
    runner, device = a_runner(), Device(capacity=32)
    results = runner.run([*range(size - 1), MONSTER], device)
    assert failures(results) == [FailureKind.OUT_OF_MEMORY]
    device.sizes.clear()
    runner.run(range(32), device)
    assert device.sizes == [32]


def test_beside_such_a_row_too_the_size_that_fits_is_found() -> None:
    runner, device = a_runner(), Device(capacity=16)
    runner.run([*range(20), MONSTER, *range(11)], device)
    runner.run(range(32), device)
    assert runner.largest_batch == 16
    device.sizes.clear()
    results = runner.run([*range(20), MONSTER, *range(43)], device)
    assert failures(results) == [FailureKind.OUT_OF_MEMORY]
    assert runner.largest_batch == 16
    assert device.sizes.count(16) == 4


def test_the_size_grows_back_when_memory_is_there_again() -> None:
    runner, device = a_runner(), Device(capacity=8)
    runner.run(range(32), device)
    assert runner.largest_batch == 8
    device.capacity = 32
    device.sizes.clear()
    for _ in range(100):
        runner.run(range(32), device)
    # A hundred batches of 8 and a hundred of 16, then whole ones.
    assert device.sizes == [8] * 100 + [16] * 100 + [32] * 25


def test_a_size_that_stays_too_large_is_tried_now_and_then() -> None:
    runner, device = a_runner(), Device(capacity=8)
    runner.run(range(32), device)
    device.sizes.clear()
    for _ in range(100):
        assert runner.run(range(32), device) == list(range(32))
    assert set(device.sizes) == {8, 16}
    assert device.sizes.count(16) <= 4


def test_batches_smaller_than_the_size_do_not_let_it_grow() -> None:
    runner, device = a_runner(), Device(capacity=8)
    runner.run(range(16), device)
    for _ in range(300):
        runner.run(range(3), device)
    assert runner.largest_batch == 8


@pytest.mark.parametrize("name", ["AcceleratorError", "RuntimeError"])
def test_a_device_that_failed_ends_the_run(name: str) -> None:
    kind = type(name, (RuntimeError,), {}) if name != "RuntimeError" else RuntimeError
    calls = []

    def fail(batch: Sequence[int]) -> list[int | RowError]:
        calls.append(batch)
        raise kind("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RunError, match=r"illegal memory access.*goes on where this run ended"):
        a_runner().run(range(8), fail)
    assert len(calls) == 1
