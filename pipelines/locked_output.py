"""An output that a command has for itself, and what is told where it cannot be had."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.failures import as_calumma_error
from schemas.errors import UsageError
from storage.lock import OutputLock
from storage.store import Store, open_store


@contextmanager
def locked_output(out: str) -> Iterator[Store]:
    """Lock an output for as long as something is done with it.

    What its disk or its store says meanwhile is told in our words.

    Args:
        out: absolute URI of a folder, which is made where it is not there.

    Raises:
        UsageError: it is no folder.
        RunError: another command holds it, or it cannot be read or written.

    """
    try:
        store = open_store(out)
        with OutputLock(store):
            yield store
    except (NotADirectoryError, FileExistsError) as error:
        raise UsageError(f"{out} is a file, or lies below one. Name a folder.") from error
    except OSError as error:
        raise as_calumma_error(error, out) from error
