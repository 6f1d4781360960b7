"""Why a pipeline failed, as an error of ours: from under the wrappings of runners."""

import errno

from pipelines.remote_errors import error_told_in, last_line, without_beams_note
from runners.errors import RunnerError
from schemas.errors import CalummaError, RunError


def as_calumma_error(error: BaseException, out: str) -> BaseException:
    """What we raised ourselves or what the disk said, here or in another process.

    Args:
        out: the output, for what the disk said.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, CalummaError):
            seen.args = tuple(without_beams_note(str(argument)) for argument in seen.args)
            return seen
        if isinstance(seen, RunnerError):
            return RunError(str(seen))
        if isinstance(seen, OSError):
            return _of_the_disk(seen, out)
        seen = seen.__cause__ or seen.__context__
    # Raised in another process, it comes as text.
    text = str(error)
    return error_told_in(text) or _of_the_runner(error, text)


def _of_the_runner(error: BaseException, text: str) -> RunError:
    if type(error).__module__.startswith("grpc"):
        return RunError(
            "The job server went away. The job may go on without it; run the same command again, "
            "which goes on with the run either way."
        )
    if "State: CANCELLED" in text or "in state CANCELLED" in text:
        return RunError(
            "The job was cancelled. What was staged is kept: run the same command again to go on."
        )
    return RunError(f"The run failed: {type(error).__name__}: {last_line(text)}")


def _of_the_disk(error: OSError, out: str) -> RunError:
    if error.errno == errno.ENOSPC:
        return RunError(
            f"The disk of {out} is full. Free some space and run the same command again: what was "
            "staged is kept."
        )
    if isinstance(error, PermissionError):
        return RunError(f"{error.filename or out} may not be written or read. Check its rights.")
    return RunError(
        f"Reading or writing failed: {error}. What was staged is kept: run the same command again "
        "to go on."
    )
