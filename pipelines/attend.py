"""Seeing a pipeline through: it runs in a thread, and this one draws, watches and takes signals."""

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from pipelines.describe import Job, is_demonstration
from pipelines.progress import Progress
from pipelines.remote_errors import error_told_in, last_line, without_beams_note
from pipelines.watch_staging import StagingWatch
from runners.engine import Engine
from runners.errors import RunnerError
from schemas.errors import CalummaError, RunError
from transforms.tally import Tally

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_TO_CANCEL = 5.0


def attend(job: Job, engine: Engine, progress: Progress, tally: Tally) -> None:
    """Run a job's pipeline on an engine to its end.

    Raises:
        CalummaError: it failed, or the engine did.
    """
    pipeline = _PipelineThread(job, engine)
    watch = None if engine.in_process else StagingWatch(job.store, job.settings, tally)
    try:
        with _EndEarly(progress, pipeline, engine):
            pipeline.start()
            told = False
            while not pipeline.ended.wait(_SECONDS_BETWEEN_LOOKS):
                if trouble := engine.trouble():
                    pipeline.cancel()
                    raise RunError(f"{trouble} What was staged is kept.")
                if pipeline.page and not told:
                    progress.watch_at(pipeline.page)
                    told = True
                if watch is not None:
                    watch.look()
                progress.update(tally, demonstration=is_demonstration(job))
    finally:
        engine.close()
    if pipeline.failure is not None:
        raise as_calumma_error(pipeline.failure, job.settings.out)


class _PipelineThread:
    """Starts the engine, builds the pipeline and waits for its end, in a thread."""

    def __init__(self, job: Job, engine: Engine) -> None:
        self.ended = threading.Event()
        self.failure: BaseException | None = None
        self.page: str | None = None
        self._job = job
        self._engine = engine
        self._result: object = None
        self._thread = threading.Thread(target=self._work, name="pipeline", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        """Ask a cluster to let go of the job; it may not answer, so not for long."""
        cancel = getattr(self._result, "cancel", None)
        if cancel is None or self._engine.in_process:
            return
        thread = threading.Thread(target=_quietly, args=(cancel,), daemon=True)
        thread.start()
        thread.join(_SECONDS_TO_CANCEL)

    def _work(self) -> None:
        try:
            self._engine.start()
            pipeline = self._engine.pipeline()
            self._job.build(pipeline, self._engine.resource_hints())
            self._result = result = pipeline.run()
            self.page = self._engine.page(result)
            if self._engine.waits:
                result.wait_until_finish()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self.failure = error
        finally:
            self.ended.set()


def _quietly(cancel: Callable[[], object]) -> None:
    # The runner is ended next, whatever it says.
    with contextlib.suppress(Exception):
        cancel()


def as_calumma_error(error: BaseException, out: str) -> BaseException:
    """What we raised ourselves or what the disk said, from under the runner's wrappings."""
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
    told = error_told_in(str(error))
    if told is not None:
        return told
    return RunError(f"The run failed: {type(error).__name__}: {last_line(str(error))}")


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


class _EndEarly:
    """While it is entered, SIGINT and SIGTERM end the process at once.

    A run can be killed at any moment and gone on with, so ending needs little tidying: helper
    processes end with us, the output's lock with the process that holds it. What an engine has
    started on other machines is told to end.
    """

    def __init__(self, progress: Progress, pipeline: _PipelineThread, engine: Engine) -> None:
        self._progress = progress
        self._pipeline = pipeline
        self._engine = engine
        self._before: dict[int, object] = {}

    def __enter__(self) -> None:
        # Signals are the main thread's; who launches from another ends runs in a way of their own.
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._end)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _end(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._progress.interrupted()
        sys.stderr.flush()
        sys.stdout.flush()
        # A second signal does not wait for the first.
        for again in (signal.SIGINT, signal.SIGTERM):
            signal.signal(again, lambda number, _: os._exit(128 + number))
        self._pipeline.cancel()
        self._engine.close()
        os._exit(128 + number)
