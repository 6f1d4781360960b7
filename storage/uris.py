"""Making a user's paths mean the same on every worker."""

import contextlib
from pathlib import Path

from schemas.errors import UsageError


def absolute_uri(uri: str) -> str:
    """Give a local path from the root on; leave other uris as they are.

    Raises:
        UsageError: it is empty, as a variable is that is not set.

    """
    if not uri.strip():
        raise UsageError("The name of the catalog or the output is empty.")
    if "://" in uri:
        return uri
    path = Path(uri)
    # A name like ~somebody's that is nobody's home is a name.
    with contextlib.suppress(RuntimeError):
        path = path.expanduser()
    return str(path.absolute())
