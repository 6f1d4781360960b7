"""What can be wrong with an index.

::

    CalummaError
    `-- RetrievalIndexError      an index cannot be built, opened or searched
        |-- IndexDamagedError    a file is missing, cut short or altered
        |-- IndexMismatchError   it is whole, but of another format, model, dimension or training
        `-- VectorError          a vector or an id that no index takes
"""

from schemas.errors import CalummaError


class RetrievalIndexError(CalummaError):
    """An index cannot be built, opened or searched."""


class IndexDamagedError(RetrievalIndexError):
    """A file of the index is missing, cut short or altered."""


class IndexMismatchError(RetrievalIndexError):
    """The index is whole, but is not the one that was asked for."""


class VectorError(RetrievalIndexError):
    """A vector or an id that no index takes."""
