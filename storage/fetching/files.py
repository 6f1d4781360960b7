"""Reading a picture from a local disk."""

import os
import stat

from schemas.errors import RowError
from schemas.failure import FailureKind


def read_file(uri: str, size: int, start: int = 0) -> bytes:
    """Read at most so many bytes of a file.

    Args:
        uri: a path, or ``file://`` and a path as it stands (percent signs are not unquoted).
        size: how many bytes at most.
        start: the first byte to read.

    Raises:
        RowError: not_found, forbidden, storage_error, invalid_row, or policy for a folder, device
            or pipe.

    """
    path = uri
    if uri[:5].lower() == "file:":
        path = "/" + uri[5:].removeprefix("//localhost/").lstrip("/")
    try:
        # Not blocking: opening a named pipe would wait for its writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except ValueError as error:
        raise RowError(
            FailureKind.INVALID_ROW,
            f"{path!r} is not a path. Correct the catalog, then run with --only-failed.",
        ) from error
    except OSError as error:
        raise _verdict(error, path) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
        raise RowError(
            FailureKind.POLICY,
            f"{path} is {what}, not a file. Name a file in the catalog, then run with "
            "--only-failed.",
        )
    with os.fdopen(descriptor, "rb") as file:
        try:
            file.seek(start)
            return file.read(size)
        except OSError as error:
            raise _verdict(error, path) from error


def _verdict(error: OSError, path: str) -> RowError:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return RowError(
            FailureKind.NOT_FOUND,
            f"There is no file {path}. Put it there, then run with --only-failed.",
        )
    if isinstance(error, PermissionError):
        return RowError(FailureKind.FORBIDDEN, f"{path} may not be read. Check its permissions.")
    return RowError(
        FailureKind.STORAGE_ERROR,
        f"{path} cannot be read: {error.strerror}. A later run tries again.",
    )
