"""Hosts that do not answer: the rows of one must not all wait to find that out."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.redacting import redact
from storage.fetching.transient import TransientError

# A host of which a fifth of all requests fail does so ten times in a row once in ten million
# requests. The time lets rows that are tried again outlive a server's restart.
_ATTEMPTS = 10
_SECONDS = 20.0
_SECONDS_BETWEEN_PROBES = 60.0
_MOST_HOSTS = 10_000
_HOST = re.compile(r"[^:/]+://([^/?#]*)")


@dataclass(slots=True)
class _Silence:
    """What became of the attempts since a host's last answer.

    Attributes:
        began: when the first of them had failed. Not when it was begun: the host may have answered
            others since.

    """

    began: float
    lasted: float = 0.0
    attempts: int = 0
    next_probe: float = 0.0


class SilentHosts:
    """Remembers which hosts do not answer; thread-safe.

    A host (for an object store: a bucket) that gave no answer ten times in a row, over at least
    20 seconds, is asked once a minute only, until it answers. Any answer counts, an error too.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silences: dict[str, _Silence] = {}
        self._lock = threading.Lock()

    def ask(self, uri: str, attempt: Callable[[], bytes]) -> bytes:
        """Make an attempt at a uri, unless its host is known not to answer.

        Raises:
            RowError: storage_error, for a host that does not answer; what the attempt raises.
            TransientError: what the attempt raises.

        """
        found = _HOST.match(uri)
        host = redact(found[0]).lower() if found else ""
        self._check(host, uri)
        answered = True
        try:
            return attempt()
        except TransientError as error:
            answered = error.answered
            raise
        finally:
            self._note(host, answered=answered)

    def _check(self, host: str, uri: str) -> None:
        with self._lock:
            silence = self._silences.get(host)
            if silence is None or silence.attempts < _ATTEMPTS or silence.lasted < _SECONDS:
                return
            now = self._clock()
            if now >= silence.next_probe:
                silence.next_probe = now + _SECONDS_BETWEEN_PROBES
                return
        raise RowError(
            FailureKind.STORAGE_ERROR,
            f"{redact(uri)} was left for now: {host} gave no answer {silence.attempts} times in a "
            f"row, for {silence.lasted:.0f} seconds. A later run tries again.",
        )

    def _note(self, host: str, *, answered: bool) -> None:
        with self._lock:
            if answered:
                self._silences.pop(host, None)
                return
            now = self._clock()
            silence = self._silences.setdefault(host, _Silence(now))
            silence.lasted = now - silence.began
            silence.attempts += 1
            silence.next_probe = now + _SECONDS_BETWEEN_PROBES
            if len(self._silences) > _MOST_HOSTS:
                del self._silences[next(iter(self._silences))]
