"""Doing many operations on a store: at once where each waits for a network."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # the stores use this module
    from storage.store.base import Store

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def for_each(
    store: "Store", operation: Callable[[_Item], _Result], items: Iterable[_Item]
) -> Sequence[_Result]:
    """Call an operation for each item; give the results in order.

    Raises:
        Exception: the first that was raised; other operations may have been done by then.

    """
    if store.operations_at_once == 1:
        return [operation(item) for item in items]
    with ThreadPoolExecutor(store.operations_at_once) as threads:
        return list(threads.map(operation, items))
