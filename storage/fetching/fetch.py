"""Fetching a picture's bytes, with patience for what may pass."""

import threading
from collections.abc import Callable, Mapping

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
)
from tenacity.wait import wait_random_exponential

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.files import read_file
from storage.fetching.http import HttpClient
from storage.fetching.objects import ObjectReader
from storage.fetching.policy import FetchPolicy, scheme_of
from storage.fetching.redacting import redact
from storage.fetching.transient import TransientError

_LONGEST_WAIT = 20.0


class Fetcher:
    """Reads pictures from local disks, object stores and the web; thread-safe.

    Args:
        policy: what may be read, and at what cost.
        storage_options: keyword arguments of the object stores' fsspec clients.

    """

    def __init__(
        self, policy: FetchPolicy, storage_options: Mapping[str, object] | None = None
    ) -> None:
        self._policy = policy
        self._http = HttpClient(policy)
        self._objects = ObjectReader(policy, storage_options)
        self._backoff = wait_random_exponential(multiplier=0.25, max=_LONGEST_WAIT)
        self._closed = threading.Event()

    def close(self) -> None:
        """Close connections; fetches under way end soon, as failures."""
        self._closed.set()
        self._objects.close()
        self._http.close()

    def fetch(self, uri: str) -> bytes:
        """Read a picture; an empty one gives no bytes and no error.

        Raises:
            RowError: invalid_row, not_found, forbidden, timeout, storage_error, too_large or
                policy.

        """
        self._policy.check(uri)
        scheme = scheme_of(uri)
        if scheme == "file":
            return self._within_limit(read_file(uri, self._policy.max_bytes), uri)
        if scheme in {"http", "https"}:
            return self._retry(lambda: self._http.get(uri))
        return self._within_limit(self._retry(lambda: self._objects.read(uri)), uri)

    def refetch(self, uri: str, previous: bytes) -> bytes | None:
        """Read a picture that looks cut short again; None if the same bytes come back."""
        if scheme_of(uri) == "file":
            return None
        again = self.fetch(uri)
        return None if again == previous else again

    def _retry(self, attempt: Callable[[], bytes]) -> bytes:
        attempts = self._policy.attempts
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(attempts) | stop_when_event_set(self._closed),
            wait=self._wait,
            sleep=sleep_using_event(self._closed),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except TransientError as error:
            raise RowError(
                error.kind, f"{error} Tried {attempts} times; a later run will again."
            ) from error

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TransientError) else 0.0
        return min(max(self._backoff(state), asked), _LONGEST_WAIT)

    def _within_limit(self, data: bytes, uri: str) -> bytes:
        if len(data) > self._policy.max_bytes:
            raise RowError(
                FailureKind.TOO_LARGE,
                f"{redact(uri)} has more than {self._policy.max_bytes:,} bytes. Raise "
                "--max-picture-bytes if it is meant to.",
            )
        return data
