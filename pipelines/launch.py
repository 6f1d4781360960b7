"""Launching a job on this machine: lock, run, progress, ending early."""

import errno
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

import apache_beam as beam

from pipelines.config import AnswerConfig, CaptionConfig
from pipelines.describe import Job, is_demonstration, prepare_job
from pipelines.progress import Progress
from pipelines.uris import absolute_uri
from schemas.errors import CalummaError, RunError, UsageError
from schemas.manifest import RunManifest
from storage.commit_record import read_manifest
from storage.lock import OutputLock
from storage.store import open_store
from transforms.tally import Tally, begin_tally

_SECONDS_BETWEEN_LOOKS = 0.2
_BEAMS_NOTE = re.compile(r" \[while running .*?\]")


def launch(
    catalog: str,
    out: str,
    config: CaptionConfig | AnswerConfig,
    new_pipeline: Callable[[], beam.Pipeline],
    progress: Progress,
) -> tuple[RunManifest, Tally]:
    """Run a job to its end.

    Returns:
        The manifest, and this process's counts and times.

    Raises:
        CalummaError: the job cannot be run, or failed.
    """
    try:
        with OutputLock(open_store(absolute_uri(out))):
            job = prepare_job(catalog, out, config)
            tally = begin_tally(job.run.run_id)
            progress.begin(job.run.run_id, resumed=job.resumed)
            try:
                _run(job, new_pipeline, progress, tally)
            except CalummaError:
                # A launcher that was thought dead finds its run finished by another: all is well.
                if read_manifest(job.store, job.run.run_id) is None:
                    raise
            finally:
                progress.end(tally, demonstration=is_demonstration(job))
            return job.manifest(), tally
    except (NotADirectoryError, FileExistsError) as error:
        raise UsageError(f"{out} is a file, or lies below one. Name a folder.") from error
    except OSError as error:
        raise _as_calumma_error(error, out) from error


def _run(
    job: Job, new_pipeline: Callable[[], beam.Pipeline], progress: Progress, tally: Tally
) -> None:
    """Run the pipeline in a thread, so that this one can draw and take signals at any moment."""
    failures: list[BaseException] = []
    ended = threading.Event()

    def work() -> None:
        try:
            pipeline = new_pipeline()
            job.build(pipeline)
            pipeline.run().wait_until_finish()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            failures.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=work, name="pipeline", daemon=True)
    with _EndEarly(progress):
        thread.start()
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            progress.update(tally, demonstration=is_demonstration(job))
    if failures:
        raise _as_calumma_error(failures[0], job.settings.out)


def _as_calumma_error(error: BaseException, out: str) -> BaseException:
    """What we raised ourselves or what the disk said, from under the runner's wrappings."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, CalummaError):
            seen.args = tuple(_BEAMS_NOTE.sub("", str(argument)) for argument in seen.args)
            return seen
        if isinstance(seen, OSError) and seen.errno == errno.ENOSPC:
            return RunError(
                f"The disk of {out} is full. Free some space and run the same command again: what "
                "was staged is kept."
            )
        if isinstance(seen, PermissionError):
            return RunError(f"{seen.filename or out} may not be written or read. Check its rights.")
        if isinstance(seen, OSError):
            return RunError(
                f"Reading or writing failed: {seen}. What was staged is kept: run the same "
                "command again to go on."
            )
        seen = seen.__cause__ or seen.__context__
    text = _BEAMS_NOTE.sub("", str(error))
    return RunError(f"The run failed: {type(error).__name__}: {text}")


class _EndEarly:
    """While it is entered, SIGINT and SIGTERM end the process at once.

    A run can be killed at any moment and gone on with, so ending needs no tidying: helper
    processes end with us, the output's lock with the process that holds it.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
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
        os._exit(128 + number)
