"""Fetching a picture's bytes, with patience for what may pass."""

import os
import stat
from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from schemas.errors import RowError, UsageError
from schemas.failure import FailureKind
from storage.fetching.http import HttpClient, TransientError
from storage.fetching.policy import FetchPolicy, redact, scheme_of
from storage.filesystems import open_filesystem

_LONGEST_WAIT = 20.0


class Fetcher:
    """Reads pictures from local disks, object stores and the web; thread-safe."""

    def __init__(self, policy: FetchPolicy) -> None:
        self._policy = policy
        self._http = HttpClient(policy)
        self._backoff = wait_random_exponential(multiplier=0.25, max=_LONGEST_WAIT)

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def fetch(self, uri: str) -> bytes:
        """Read a picture.

        Raises:
            RowError: not_found, forbidden, timeout, storage_error, too_large or policy.

        """
        self._policy.check(uri)
        scheme = scheme_of(uri)
        if scheme == "file":
            return self._read_file(uri)
        if scheme in {"http", "https"}:
            return self._retry(lambda: self._http.get(uri))
        return self._retry(lambda: self._read_object(uri))

    def refetch(self, uri: str, previous: bytes) -> bytes | None:
        """Read a picture that looks cut short again; None if the same bytes come back."""
        if scheme_of(uri) == "file":
            return None
        again = self.fetch(uri)
        return None if again == previous else again

    def _retry(self, attempt: Callable[[], bytes]) -> bytes:
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(self._policy.attempts),
            wait=self._wait,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except TransientError as error:
            raise RowError(
                error.kind, f"{error} Tried {self._policy.attempts} times; a later run will again."
            ) from error

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TransientError) else 0.0
        return min(max(self._backoff(state), asked), _LONGEST_WAIT)

    def _read_file(self, uri: str) -> bytes:
        path = uri[len("file:") :] if uri.startswith("file:") else uri
        path = "/" + path.lstrip("/") if uri.startswith("file:") else path
        try:
            # Not blocking: opening a named pipe would wait for its writer for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            raise RowError(FailureKind.NOT_FOUND, f"There is no file {path}.") from None
        except PermissionError:
            raise RowError(
                FailureKind.FORBIDDEN, f"{path} may not be read. Check its permissions."
            ) from None
        except (OSError, ValueError) as error:
            raise RowError(FailureKind.STORAGE_ERROR, f"{path} cannot be read: {error}.") from error
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            os.close(descriptor)
            what = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
            raise RowError(FailureKind.POLICY, f"{path} is {what}, not a file.")
        with os.fdopen(descriptor, "rb") as file:
            try:
                return self._within_limit(file.read(self._policy.max_bytes + 1), uri)
            except OSError as error:
                raise RowError(
                    FailureKind.STORAGE_ERROR, f"{path} cannot be read: {error}."
                ) from error

    def _read_object(self, uri: str) -> bytes:
        """Read an object with one ranged request, which costs no look at its size before."""
        try:
            filesystem, path = open_filesystem(uri)
            data = filesystem.cat_file(path, start=0, end=self._policy.max_bytes + 1)
        except UsageError as error:
            raise RowError(FailureKind.STORAGE_ERROR, str(error)) from error
        except FileNotFoundError:
            raise RowError(FailureKind.NOT_FOUND, f"There is no {redact(uri)}.") from None
        except PermissionError as error:
            raise RowError(
                FailureKind.FORBIDDEN, f"{redact(uri)} may not be read: {error}."
            ) from error
        except Exception as error:
            if _is_empty_range(error):
                return b""
            raise TransientError(
                FailureKind.STORAGE_ERROR,
                f"{redact(uri)} could not be read: {type(error).__name__}: {error}.",
            ) from error
        return self._within_limit(bytes(data), uri)

    def _within_limit(self, data: bytes, uri: str) -> bytes:
        if len(data) > self._policy.max_bytes:
            raise RowError(
                FailureKind.TOO_LARGE,
                f"{redact(uri)} has more than {self._policy.max_bytes:,} bytes. Raise "
                "--max-picture-bytes if it is meant to.",
            )
        return data


def _is_empty_range(error: Exception) -> bool:
    """Whether a store refused a range because the object has no byte at all."""
    text = str(error)
    return "InvalidRange" in text or "416" in text or "not satisfiable" in text.lower()
