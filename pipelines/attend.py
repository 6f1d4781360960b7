"""Seeing a pipeline through: it runs in a thread, and this one draws, watches and takes signals."""

import os
import signal
import sys
import threading
import time
from types import FrameType

from pipelines.failures import as_calumma_error
from pipelines.pipeline_thread import Launchable, PipelineThread
from pipelines.progress import Progress
from runners.engine import Engine
from schemas.errors import RunError
from transforms.tally import Tally

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_FOR_WORDS = 1.0


def attend(job: Launchable, engine: Engine, progress: Progress, tally: Tally) -> None:
    """Run a job's pipeline on an engine to its end.

    Args:
        tally: this process's counts.

    Raises:
        CalummaError: it failed, or the engine did.
    """
    pipeline = PipelineThread(job, engine)
    watch = None if engine.in_process else job.watch()
    shown = watch.tally if watch is not None else tally
    told: set[str] = set()
    trouble = None
    try:
        with _EndEarly(progress, pipeline, engine):
            pipeline.start()
            while not (trouble := engine.trouble()):
                if pipeline.ended.wait(_SECONDS_BETWEEN_LOOKS):
                    break
                if watch is not None:
                    watch.look()
                    if watch.is_over:
                        # The engine does not say so, but another has finished the run, or this.
                        pipeline.cancel()
                        return
                page = f"Watch it at {pipeline.page}" if pipeline.page else None
                for text in (page, engine.notice()):
                    if text and text not in told:
                        told.add(text)
                        progress.tell(text)
                progress.update(shown, demonstration=job.is_demonstration)
            if pipeline.failure is not None and not engine.in_process:
                trouble = trouble or _trouble_soon(engine)
            if trouble:
                pipeline.cancel()
                raise RunError(
                    f"{trouble} What was staged is kept: run the same command again to go on."
                )
    finally:
        engine.close()
        progress.end(shown, demonstration=job.is_demonstration)
    if pipeline.failure is not None:
        raise as_calumma_error(pipeline.failure, job.out)


def _trouble_soon(engine: Engine) -> str | None:
    """What an engine says of a failure; its own words may come after the news of its end."""
    deadline = time.monotonic() + _SECONDS_FOR_WORDS
    while not (trouble := engine.trouble()) and time.monotonic() < deadline:
        time.sleep(_SECONDS_BETWEEN_LOOKS / 4)
    return trouble


class _EndEarly:
    """While it is entered, SIGINT and SIGTERM end the process at once.

    A run can be killed at any moment and gone on with, so ending needs little tidying: helper
    processes end with us, the output's lock with the process that holds it. What an engine has
    started on other machines is told to end.
    """

    def __init__(self, progress: Progress, pipeline: PipelineThread, engine: Engine) -> None:
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
