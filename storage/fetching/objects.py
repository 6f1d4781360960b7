"""Reading a picture from an object store, through fsspec."""

import asyncio
import concurrent.futures
from collections.abc import Iterator, Mapping
from typing import Any

import fsspec
from fsspec.asyn import AsyncFileSystem

from schemas.errors import RowError, UsageError
from schemas.failure import FailureKind
from storage.fetching.policy import FetchPolicy
from storage.fetching.redacting import redact
from storage.fetching.transient import TransientError
from storage.filesystems import open_filesystem

# The clients name what they cannot sign with, or cannot send, only by classes of their own.
_NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "DefaultCredentialsError",
    "RefreshError",
    "ClientAuthenticationError",
}
# aiohttp's, which carry a status that no server sent.
_CUT_SHORT = {"ClientPayloadError", "ContentLengthError", "TransferEncodingError"}
# 416 is here for an object that was written anew between two requests.
_PASSING = {408, 409, 416, 425, 429}
_NOT_A_NAME = {"ParamValidationError", "InvalidURL", "HFValidationError"}


class ObjectReader:
    """Reads objects with one ranged request each; thread-safe."""

    def __init__(
        self, policy: FetchPolicy, storage_options: Mapping[str, object] | None = None
    ) -> None:
        self._policy = policy
        self._options = storage_options
        self._reading: set[concurrent.futures.Future[bytes]] = set()

    def close(self) -> None:
        """Cancel the reads that are under way."""
        for future in tuple(self._reading):
            future.cancel()

    def read(self, uri: str, start: int = 0, size: int | None = None) -> bytes:
        """Read at most one byte more than the policy's ``max_bytes`` of an object, once.

        Asking for a range spares the request for the size that a bounded read would take else.

        Args:
            uri: of the object.
            start: the first byte to read.
            size: how many instead.

        Raises:
            RowError: invalid_row, not_found, forbidden or storage_error: another attempt is no use.
            TransientError: anything that may pass.

        """
        if size == 0:
            return b""
        try:
            filesystem, path = open_filesystem(uri, storage_options=self._options)
        except UsageError as error:
            raise RowError(FailureKind.STORAGE_ERROR, str(error)) from error
        try:
            stop = start + (self._policy.max_bytes + 1 if size is None else size)
            return self._read_range(filesystem, path, start, stop)
        except concurrent.futures.CancelledError:
            raise TransientError(FailureKind.STORAGE_ERROR, "Reading was stopped.") from None
        except Exception as error:
            if _status(error) == 416 and _size(filesystem, path) == 0:
                return b""
            raise _verdict(error, uri, self._policy.max_seconds) from error

    def _read_range(
        self, filesystem: fsspec.AbstractFileSystem, path: str, start: int, end: int
    ) -> bytes:
        if not isinstance(filesystem, AsyncFileSystem):
            return bytes(filesystem.cat_file(path, start=start, end=end))
        # Not cat_file: it has no limit on time, and cannot be stopped.
        reading = asyncio.wait_for(
            filesystem._cat_file(path, start=start, end=end), self._policy.max_seconds
        )
        future = asyncio.run_coroutine_threadsafe(reading, filesystem.loop)
        self._reading.add(future)
        try:
            return bytes(future.result())
        finally:
            self._reading.discard(future)


def _size(filesystem: fsspec.AbstractFileSystem, path: str) -> object:
    """Ask for the size: a range is not satisfiable where an object has no byte at all."""
    try:
        return filesystem.info(path).get("size")
    except Exception:  # noqa: BLE001  the first error is the one to tell of
        return None


def _verdict(error: Exception, uri: str, max_seconds: float) -> RowError | TransientError:
    where, name = redact(uri), type(error).__name__
    told = redact(" ".join(str(error).split())).rstrip(".") or "the client gives no reason"
    if name in _CUT_SHORT:
        told = "the reply was cut short"
    status = _status(error)
    if isinstance(error, (FileNotFoundError, IsADirectoryError)) or status in {404, 410}:
        return RowError(
            FailureKind.NOT_FOUND,
            f"There is no {where}. Put it there or correct the catalog, then run with "
            "--only-failed.",
        )
    if isinstance(error, PermissionError) or status in {401, 403} or name in _NO_CREDENTIALS:
        return RowError(
            FailureKind.FORBIDDEN,
            f"{where} may not be read ({told}). Check its rights and your credentials; a later run "
            "tries again.",
        )
    if name in _NOT_A_NAME or isinstance(error, UnicodeError):
        return RowError(
            FailureKind.INVALID_ROW,
            f"{where} cannot be an object's name ({told}). Correct the catalog, then run with "
            "--only-failed.",
        )
    if isinstance(error, TimeoutError) or "Timeout" in name:
        return TransientError(
            FailureKind.TIMEOUT,
            f"{where} did not come within {max_seconds:g} seconds. If it is slow, raise "
            "--fetch-seconds.",
        )
    message = f"{where} could not be read ({told})."
    if status is not None and status < 500 and status not in _PASSING:
        return RowError(FailureKind.STORAGE_ERROR, f"{message} A later run tries again.")
    return TransientError(FailureKind.STORAGE_ERROR, message, answered=status is not None)


def _status(error: BaseException) -> int | None:
    """The HTTP status behind a client's exception."""
    for cause in _causes(error):
        if type(cause).__name__ in _CUT_SHORT:
            return None
        response: Any = getattr(cause, "response", None)
        if isinstance(response, Mapping):  # botocore
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if isinstance(status, int):
                return status
        # In turn: azure and huggingface_hub, aiohttp, gcsfs.
        for holder, name in (
            (cause, "status_code"),
            (response, "status_code"),
            (cause, "status"),
            (cause, "code"),
        ):
            status = getattr(holder, name, None)
            if isinstance(status, int) and 400 <= status < 600:
                return status
        # gcsfs keeps no status of this one.
        if isinstance(cause, OSError) and str(cause).startswith("Forbidden: "):
            return 403
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
