"""What may pass, and so is worth another attempt."""

from schemas.failure import FailureKind


class TransientError(Exception):
    """An attempt failed for a reason that may pass.

    Args:
        kind: the failure's kind if no attempt succeeds.
        retry_after: seconds the server asks to wait, 0 if it does not.

    """

    def __init__(self, kind: FailureKind, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after
