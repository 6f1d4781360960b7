"""The exceptions a user of Calumma can meet.

::

    CalummaError                 anything we raise on purpose; its text is one or two sentences
    |-- UsageError               the command or its configuration is wrong (exit code 2)
    |   `-- CatalogError         the catalog is missing, unreadable or lacks a column
    |-- ModelError               a model cannot be loaded, or cannot do what the job needs
    |-- OutputBusyError          another run holds the output
    |-- RunError                 a run ended without its result (exit code 1)
    |   |-- CountMismatchError   in = out + failed + skipped does not hold
    |   `-- WorkerError          a machine that works for a run cannot serve it
    `-- RowError                 one row cannot be processed; carries the kind of its failure row
        `-- NoPictureError       it names no picture: what only some jobs need
"""

from schemas.failure import FailureKind


class CalummaError(Exception):
    """Base of everything Calumma raises on purpose."""


class UsageError(CalummaError):
    """The command or its configuration is wrong: nothing was run."""


class CatalogError(UsageError):
    """The catalog cannot be read as asked."""


class ModelError(CalummaError):
    """A model cannot be loaded, or cannot do what the job needs of it."""


class OutputBusyError(CalummaError):
    """Another run is writing to the same output."""


class RunError(CalummaError):
    """A run ended without its result."""


class CountMismatchError(RunError):
    """Rows in do not equal rows out plus failed plus skipped."""


class WorkerError(RunError):
    """A machine that works for a run cannot serve it, and no retry would change that."""


class RowError(CalummaError):
    """One row cannot be processed; the rest of the run goes on."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    def __reduce__(self) -> tuple[type["RowError"], tuple[FailureKind, str]]:
        return type(self), (self.kind, self.message)


class NoPictureError(RowError):
    """A row names no picture: a problem only for jobs that need one."""
