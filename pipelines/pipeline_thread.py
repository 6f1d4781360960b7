"""A job's pipeline in a thread of its own, so that the main one can draw and take signals."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from runners.engine import Engine
from transforms.tally import Tally

if TYPE_CHECKING:
    import apache_beam as beam

_SECONDS_TO_CANCEL = 5.0


class Watch(Protocol):
    """Sees a job's progress from what it leaves, where its workers are other processes."""

    @property
    def tally(self) -> Tally:
        """The counts at the last look."""

    @property
    def is_over(self) -> bool:
        """Whether whatever the engine still does is in vain."""

    def look(self) -> None:
        """Look if it is time to, beside the thread that draws."""


class Launchable(Protocol):
    """A job that was checked and can be built."""

    @property
    def out(self) -> str:
        """Where it writes."""

    @property
    def is_demonstration(self) -> bool:
        """Whether it runs a model of the package."""

    def build(self, pipeline: "beam.Pipeline", resource_hints: Mapping[str, str]) -> Any:
        """Add the job to a pipeline, with hints of what its heavy steps need."""

    def watch(self) -> Watch:
        """A watch of its progress."""


class PipelineThread:
    """Starts the engine, builds the pipeline, runs it and waits for its end.

    Attributes:
        ended: set when the pipeline has, or was handed over.
        failure: what it ended with, None if it ended well.
        page: where people can watch it, once that is known.

    """

    def __init__(self, job: Launchable, engine: Engine) -> None:
        self.ended = threading.Event()
        self.failure: BaseException | None = None
        self.page: str | None = None
        self._job = job
        self._engine = engine
        self._submitting = False
        self._submitted = threading.Event()
        self._result: object = None
        self._thread = threading.Thread(target=self._work, name="pipeline", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask a cluster to let go of the job; it may not answer, so not for long."""
        if not self._engine.submits or not self._submitting:
            return
        # What is being submitted can be cancelled only once it has a name.
        self._submitted.wait(_SECONDS_TO_CANCEL)
        cancel = getattr(self._result, "cancel", None)
        if cancel is not None:
            thread = threading.Thread(target=_quietly, args=(cancel,), daemon=True)
            thread.start()
            thread.join(_SECONDS_TO_CANCEL)
        _quietly(self._engine.cancel)

    def _work(self) -> None:
        try:
            self._engine.start()
            pipeline = self._engine.pipeline()
            self._job.build(pipeline, self._engine.resource_hints())
            self._submitting = True
            self._result = result = pipeline.run()
            self._submitted.set()
            if self._engine.waits:
                self.page = self._engine.page(result)
                result.wait_until_finish()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self.failure = error
        finally:
            self._submitted.set()
            self.ended.set()


def _quietly(cancel: Callable[[], object]) -> None:
    # The runner is ended next, whatever it says.
    with contextlib.suppress(Exception):
        cancel()
