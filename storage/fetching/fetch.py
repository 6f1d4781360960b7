"""Fetching a picture's bytes, with patience for what may pass."""

import threading
from collections.abc import Callable, Mapping

from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
)
from tenacity.wait import wait_random_exponential

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.cells import read_cell
from storage.fetching.files import read_file
from storage.fetching.http import HttpClient
from storage.fetching.objects import ObjectReader
from storage.fetching.policy import FetchPolicy, scheme_of
from storage.fetching.redacting import redact
from storage.fetching.silence import SilentHosts
from storage.fetching.transient import TransientError
from storage.inside import Member, lies_in_stream, place_inside

_LONGEST_WAIT = 20.0
# Where no way leads, each attempt takes long: most such hosts are gone for good.
_MOST_ATTEMPTS_TO_REACH = 2


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
        self._silent = SilentHosts()
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
        if lies_in_stream(uri):
            raise RowError(
                FailureKind.POLICY,
                f"{redact(uri)} lies within a compressed tar, of which no single picture is read. "
                "Decompress and embed it, then run with --only-failed.",
            )
        place = place_inside(uri)
        if place is not None:
            if scheme in {"http", "https"}:
                raise RowError(
                    FailureKind.POLICY,
                    f"{redact(uri)} lies within a file on the web, of which no part is read. Copy "
                    "and embed it, then run with --only-failed.",
                )
            if isinstance(place, Member):
                return self._fetch_member(place, uri)
            return self._within_limit(self._retry(uri, lambda _: read_cell(place)), uri)
        if scheme == "file":
            return self._within_limit(read_file(uri, self._policy.max_bytes + 1), uri)
        if scheme in {"http", "https"}:
            return self._retry(uri, self._http.get)
        return self._within_limit(self._retry(uri, self._objects.read), uri)

    def refetch(self, uri: str, previous: bytes) -> bytes | None:
        """Read a picture that looks cut short again; None if the same bytes come back."""
        if scheme_of(uri) == "file":
            return None
        again = self.fetch(uri)
        return None if again == previous else again

    def _fetch_member(self, member: Member, uri: str) -> bytes:
        if member.size > self._policy.max_bytes:
            raise self._policy.too_large(uri)
        if scheme_of(uri) == "file":
            data = read_file(member.file, member.size, member.start)
        else:
            data = self._retry(
                uri, lambda _: self._objects.read(member.file, member.start, member.size)
            )
        if len(data) < member.size:
            raise RowError(
                FailureKind.TRUNCATED,
                f"{redact(member.file)} ends before {redact(uri)} does. If the tar was written "
                "anew, embed it again, then run with --only-failed.",
            )
        return data

    def _retry(self, uri: str, read: Callable[[str], bytes]) -> bytes:
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=self._is_enough,
            wait=self._wait,
            sleep=sleep_using_event(self._closed),
        )
        try:
            return retrying(self._silent.ask, uri, lambda: read(uri))
        except RetryError as error:
            attempts, last = error.last_attempt.attempt_number, error.last_attempt.exception()
            assert isinstance(last, TransientError)
            tried = "once" if attempts == 1 else f"{attempts} times"
            raise RowError(last.kind, f"{last} Tried {tried}; a later run will again.") from last

    def _is_enough(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        most = self._policy.attempts
        if isinstance(error, TransientError) and error.unreachable:
            most = min(most, _MOST_ATTEMPTS_TO_REACH)
        return state.attempt_number >= most or self._closed.is_set()

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TransientError) else 0.0
        return min(max(self._backoff(state), asked), _LONGEST_WAIT)

    def _within_limit(self, data: bytes, uri: str) -> bytes:
        if len(data) > self._policy.max_bytes:
            raise self._policy.too_large(uri)
        return data
