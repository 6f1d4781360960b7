"""What a failed HTTP request means for its row."""

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore2

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.redacting import redact
from storage.fetching.transient import TransientError

_PASSING = {408, 425, 429}


def broken(error: Exception, url: str) -> RowError | TransientError:
    """Say in words, not the libraries' and not the server's, how a request broke."""
    cause = error.__context__  # the pool takes __cause__ away
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RowError(
            FailureKind.STORAGE_ERROR,
            f"{redact(url)} has no valid certificate: {cause.verify_message}. A later run tries "
            "again.",
        )
    if isinstance(error, httpcore2.ProtocolError):
        said = "the reply was cut short or is not HTTP"
    elif isinstance(cause, ssl.SSLError):
        said = "its server does not speak TLS as it should"
    elif isinstance(error, httpcore2.ConnectError) and isinstance(cause, OSError):
        said = f"its server cannot be reached ({cause.strerror})"
    else:
        said = "the connection broke"
    return TransientError(
        FailureKind.STORAGE_ERROR,
        f"{redact(url)} could not be fetched: {said}.",
        # A refusal is there at once, and a server that starts anew refuses for a moment.
        unreachable=isinstance(error, httpcore2.ConnectError)
        and not isinstance(cause, ConnectionRefusedError),
    )


def check_status(status: int, url: str, retry_after: str) -> None:
    """Accept 200 only.

    Raises:
        RowError: not_found, forbidden or storage_error: another attempt is no use.
        TransientError: a status that may pass.

    """
    where = redact(url)
    if status == 200:
        return
    if status in {404, 410}:
        raise RowError(
            FailureKind.NOT_FOUND,
            f"There is no {where} (HTTP {status}). Put it there or correct the catalog, then run "
            "with --only-failed.",
        )
    if status in {401, 403}:
        raise RowError(
            FailureKind.FORBIDDEN,
            f"{where} may not be read (HTTP {status}). Check its rights; a later run tries again.",
        )
    if status in _PASSING or status >= 500:
        raise TransientError(
            FailureKind.STORAGE_ERROR,
            f"{where} answered HTTP {status}.",
            retry_after=seconds_to_wait(retry_after),
            answered=True,
        )
    raise RowError(
        FailureKind.STORAGE_ERROR,
        f"{where} answered HTTP {status}, not with a picture. Check the uri; a later run tries "
        "again.",
    )


def seconds_to_wait(retry_after: str) -> float:
    """How long to wait by a Retry-After header: seconds or a date (RFC 9110, 10.2.3)."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
