"""What may pass, and so is worth another attempt."""

from schemas.failure import FailureKind


class TransientError(Exception):
    """An attempt failed for a reason that may pass.

    Args:
        kind: the failure's kind if no attempt succeeds.
        retry_after: seconds the server asks to wait, 0 if it does not.
        answered: whether the server answered, were it with an error.
        unreachable: whether there was no way to the server, which took its time to show.

    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        retry_after: float = 0.0,
        answered: bool = False,
        unreachable: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after
        self.answered = answered
        self.unreachable = unreachable
