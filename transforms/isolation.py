"""Running a batch so that one bad row costs one row."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from models.memory import is_device_lost
from schemas.errors import RowError, RunError
from schemas.failure import FailureKind

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Batches of the remembered size before twice as many rows are tried again. A try that fails costs
# about two batches' time, so 2 percent at most; one that works makes good a size remembered
# because of a few large rows.
_GROW_AFTER = 100


class BatchRunner:
    """Calls a model on batches; halves a batch that fails until the bad row stands alone.

    Where memory runs out, the largest part of the batch that did fit becomes the size of later
    ones, and grows back by and by. A row that is too large by itself says nothing of the others:
    then the size stays as it was.

    Attributes:
        largest_batch: the size remembered; None while memory never ran out.

    """

    def __init__(
        self,
        is_out_of_memory: Callable[[BaseException], bool],
        free_memory: Callable[[], None],
        is_device_lost: Callable[[BaseException], bool] = is_device_lost,
    ) -> None:
        self._is_out_of_memory = is_out_of_memory
        self._free_memory = free_memory
        self._is_device_lost = is_device_lost
        self.largest_batch: int | None = None
        self._good_batches = 0

    def run(
        self,
        items: Sequence[_Item],
        call: Callable[[Sequence[_Item]], list[_Result | RowError]],
    ) -> list[_Result | RowError]:
        """Call a model on items.

        Args:
            items: any number of them.
            call: gives one result an item, in order; may raise for the whole batch.

        Returns:
            One result or error an item, in order.

        Raises:
            RunError: the device failed, and would fail for every other row too.

        """
        results: list[_Result | RowError] = []
        while len(results) < len(items):
            size = self.largest_batch or len(items)
            batch = items[len(results) : len(results) + size]
            halving = _Halving()
            results.extend(self._run_batch(batch, call, halving))
            self._remember(len(batch), halving)
        return results

    def _run_batch(
        self,
        batch: Sequence[_Item],
        call: Callable[[Sequence[_Item]], list[_Result | RowError]],
        halving: "_Halving",
    ) -> list[_Result | RowError]:
        try:
            results = _all_of(batch, call(batch))
        except Exception as error:
            if self._is_device_lost(error):
                raise RunError(
                    f"The device failed: {str(error).splitlines()[0]}. This process can describe "
                    "no other row. Run the same command again: it goes on where this run ended."
                ) from error
            out_of_memory = self._is_out_of_memory(error)
            if len(batch) == 1:
                halving.too_large_alone |= out_of_memory
                return [_as_row_error(error, out_of_memory=out_of_memory)]
        else:
            halving.largest_success = max(halving.largest_success, len(batch))
            return results
        # Outside the handler, where the traceback no longer holds the batch's tensors.
        if out_of_memory:
            halving.out_of_memory = True
            self._free_memory()
        half = len(batch) // 2
        return self._run_batch(batch[:half], call, halving) + self._run_batch(
            batch[half:], call, halving
        )

    def _remember(self, size: int, halving: "_Halving") -> None:
        if halving.out_of_memory and not halving.too_large_alone:
            self.largest_batch = max(halving.largest_success, 1)
            self._good_batches = 0
        elif size == self.largest_batch and halving.largest_success == size:
            self._good_batches += 1
            if self._good_batches == _GROW_AFTER:
                self.largest_batch *= 2
                self._good_batches = 0


class _LeftOutError(Exception):
    """The model gave more or fewer results than rows: whose they are cannot be known."""


def _all_of(batch: Sequence[_Item], results: list[_Result]) -> list[_Result]:
    if len(results) != len(batch):
        raise _LeftOutError(f"it gave {len(results)} results for {len(batch)} rows")
    return results


class _Halving:
    """What became of a batch and its parts."""

    out_of_memory = False
    too_large_alone = False
    largest_success = 0


def _as_row_error(error: Exception, *, out_of_memory: bool) -> RowError:
    if isinstance(error, RowError):
        return error
    if out_of_memory:
        return RowError(
            FailureKind.OUT_OF_MEMORY,
            f"The model ran out of memory on this row alone: {error}. Use a smaller model or "
            "picture size, or a device with more memory.",
        )
    return RowError(
        FailureKind.MODEL_ERROR, f"The model failed on this row: {type(error).__name__}: {error}"
    )
