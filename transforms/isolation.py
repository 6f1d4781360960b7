"""Running a batch so that one bad row costs one row."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from schemas.errors import RowError
from schemas.failure import FailureKind

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class BatchRunner:
    """Calls a model on batches; halves a batch that fails until the bad row stands alone.

    Running out of memory halves the batch too, and the smaller size is remembered.
    """

    def __init__(
        self,
        is_out_of_memory: Callable[[BaseException], bool],
        free_memory: Callable[[], None],
    ) -> None:
        self._is_out_of_memory = is_out_of_memory
        self._free_memory = free_memory
        self.largest_batch: int | None = None

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

        """
        results: list[_Result | RowError] = []
        while len(results) < len(items):
            size = self.largest_batch or len(items)
            batch = items[len(results) : len(results) + size]
            results.extend(self._run_batch(batch, call))
        return results

    def _run_batch(
        self,
        batch: Sequence[_Item],
        call: Callable[[Sequence[_Item]], list[_Result | RowError]],
    ) -> list[_Result | RowError]:
        try:
            return call(batch)
        except Exception as error:  # noqa: BLE001 - a model may raise anything; it becomes a row
            out_of_memory = self._is_out_of_memory(error)
            if len(batch) == 1:
                return [_as_row_error(error, out_of_memory=out_of_memory)]
        # Outside the handler, where the traceback no longer holds the batch's tensors.
        half = len(batch) // 2
        if out_of_memory:
            self._free_memory()
            self.largest_batch = min(half, self.largest_batch or half)
        return self._run_batch(batch[:half], call) + self._run_batch(batch[half:], call)


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
