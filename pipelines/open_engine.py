"""The place where a command's job runs: checked, and begun while Beam is imported. No Beam here."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from runners.engine import Engine
from runners.errors import RunnerError
from schemas.errors import RunError, UsageError
from storage.uris import absolute_uri


def check_engine(engine: Engine, reaches: Mapping[str, str], out: str) -> None:
    """Check that a job can run on an engine, before anything is written.

    Args:
        engine: to be checked.
        reaches: where else workers must get to, by what is there, with its article.
        out: where they write.

    Raises:
        UsageError: it cannot.
    """
    try:
        engine.check(absolute_uri(out), {what: absolute_uri(uri) for what, uri in reaches.items()})
    except RunnerError as error:
        raise UsageError(str(error)) from error


@contextmanager
def open_engine(engine: Engine, reaches: Mapping[str, str], out: str) -> Iterator[Engine]:
    """Check an engine and begin to start it, and end it at last.

    What it starts takes seconds to be there, and so do the imports of whoever enters this.

    Raises:
        CalummaError: the job cannot run there, or the engine does not start.
    """
    check_engine(engine, reaches, out)
    try:
        engine.start()
    except RunnerError as error:
        engine.close()
        raise RunError(str(error)) from error
    try:
        yield engine
    finally:
        engine.close()
