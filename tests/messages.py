"""What every failure's message has to be."""

import re

from schemas.errors import RowError

_LIBRARIES = re.compile(
    r"[A-Za-z]+(Error|Exception|Timeout)\b|\bErrno\b|[A-Z]+_[A-Z_]+|(?<![.\w])b['\"]"
)


def check_message(error: RowError) -> None:
    """Say in words what happened and what to do that has an effect.

    The next ordinary run skips what is not retryable, whatever was repaired: such a message has to
    end in how to try again.
    """
    said = error.message
    assert said.endswith(".")
    assert not _LIBRARIES.search(said), said
    assert said.endswith("then run with --only-failed.") != error.kind.retryable, said
