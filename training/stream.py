"""Where a training loop's batches come from."""

from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

from training.objective import Batch

Position = Mapping[str, Any]
"""Where a stream is, as JSON has it."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A batch, with where the stream is behind it.

    Attributes:
        things: how many there are of what the stream counts, such as tokens.

    """

    batch: Batch
    position: Position
    things: int


class Stream(Protocol):
    """Batches without end, in an order that a position in it says all about."""

    @property
    def identity(self) -> str:
        """Changes where the data does: a position is of use only where it is the same."""
        ...

    @property
    def things(self) -> str:
        """What is counted, such as ``tokens``."""
        ...

    def batches(self, position: Position | None) -> Generator[Loaded]:
        """The batches behind a position; None is the beginning.

        Raises:
            CalummaError: data cannot be read.

        """
        ...


def read_ahead(
    read: Callable[[_Key], _Value], keys: Iterable[_Key], workers: int
) -> Generator[_Value, None, None]:
    """Read in threads while the caller works, and give what was read in the order of the keys.

    Threads, because Arrow reads and decodes outside the interpreter's lock, and what they read
    need not be copied between processes.

    Args:
        read: called once for each key, in any thread.
        keys: may be endless.
        workers: threads; with 0 each is read when it is asked for. Any number of them gives the
            same.

    """
    if workers == 0:
        yield from map(read, keys)
        return
    remaining = iter(keys)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="read-ahead")
    try:
        # One more than there are threads, so that none waits for the caller to take what is there.
        futures: list[Future[_Value]] = [
            pool.submit(read, key) for key in islice(remaining, workers + 1)
        ]
        while futures:
            value = futures.pop(0).result()
            futures += [pool.submit(read, key) for key in islice(remaining, 1)]
            yield value
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
