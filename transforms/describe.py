"""Describing pictures on Beam's RunInference: one outcome a task, whatever the model does."""

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from apache_beam.ml.inference.base import ModelHandler

from models.describing import (
    Describer,
    DescribeRequest,
    Description,
    EncodedRequests,
    free_memory,
    is_out_of_memory,
    load_describer,
)
from models.source import ModelSource, check_source_here
from schemas.errors import ModelError, RowError, WorkerError
from storage.loads import note_load
from storage.store import open_store
from transforms.batching import make_batches
from transforms.isolation import BatchRunner
from transforms.items import Described, Item, Outcome, Task
from transforms.settings import DescribeSettings
from transforms.tally import tally_of


class LazyDescriber:
    """A model that is loaded when the first row needs it, once, whatever thread asks first.

    Beam loads models when a worker starts; a run that finds nothing new should not wait for one.
    """

    def __init__(self, settings: DescribeSettings, run_id: str, out: str = "") -> None:
        self._settings = settings
        self._run_id = run_id
        self._out = out
        self._lock = threading.Lock()
        self._model: Describer | None = None

    def get(self) -> Describer:
        """The model."""
        with self._lock:
            if self._model is None:
                started = time.monotonic()
                _check_source(self._settings.source)
                self._model = load_describer(
                    self._settings.source,
                    device=self._settings.device or None,
                    dtype=self._settings.dtype or None,
                )
                seconds = time.monotonic() - started
                tally = tally_of(self._run_id)
                with tally.lock:
                    tally.model_loads += 1
                    tally.load_seconds += seconds
                if self._out:
                    note_load(open_store(self._out), self._run_id, seconds)
            return self._model


_describers: dict[tuple[str, DescribeSettings], LazyDescriber] = {}
_describers_lock = threading.Lock()


def _describer_of_process(settings: DescribeSettings, run_id: str, out: str) -> LazyDescriber:
    """The one of this process, kept while the process works for the run.

    Beam lets go of a model when no bundle has used it for a minute, and runners pause for longer.
    """
    with _describers_lock:
        key = (run_id, settings)
        if key not in _describers:
            _describers.clear()
            _describers[key] = LazyDescriber(settings, run_id, out)
        return _describers[key]


def _check_source(source: ModelSource) -> None:
    try:
        check_source_here(source)
    except ModelError as error:
        raise WorkerError(str(error)) from error


class DescribingHandler(ModelHandler[Item, Described, LazyDescriber]):
    """Runs an image-text-to-text model on windows of tasks; to be used ``with_no_batching``.

    A window is cut into batches here, so that the next one is encoded (resized, tokenized) while
    the model works on this one.

    Args:
        out: output folder of the run, where loading the model is noted; empty for no run.

    """

    def __init__(self, settings: DescribeSettings, run_id: str, out: str = "") -> None:
        super().__init__()
        self._settings = settings
        self._run_id = run_id
        self._out = out
        self._runner: BatchRunner | None = None
        self._encoding: ThreadPoolExecutor | None = None

    def load_model(self) -> LazyDescriber:
        """Get ready to load the model."""
        if not self._out:
            return LazyDescriber(self._settings, self._run_id)
        return _describer_of_process(self._settings, self._run_id, self._out)

    def run_inference(
        self,
        batch: Sequence[Item],
        model: LazyDescriber,
        inference_args: dict[str, Any] | None = None,  # noqa: ARG002 - Beam passes it by name
    ) -> Iterable[Described]:
        """Describe a window's tasks; what is no task is passed on where it stands."""
        tasks = [item for item in batch if isinstance(item, Task) and item.problem is None]
        results = self._describe(tasks, model.get()) if tasks else {}
        described: list[Described] = []
        for item in batch:
            if not isinstance(item, Task):
                described.append(item)
            else:
                described.append(Outcome(task=item, result=item.problem or results[id(item)]))
        return described

    def get_num_bytes(self, batch: Sequence[Item]) -> int:
        """Bytes of the batch's pixels (Beam's own answer pickles the batch)."""
        return sum(
            item.image.pixels.nbytes for item in batch if isinstance(item, Task) and item.image
        )

    def _describe(self, tasks: list[Task], model: Describer) -> dict[int, Description | RowError]:
        """Describe tasks in batches of like ones; give the results by the tasks' ``id()``."""
        if self._runner is None or self._encoding is None:
            self._runner = BatchRunner(is_out_of_memory, free_memory)
            self._encoding = ThreadPoolExecutor(1, thread_name_prefix="encode")
        decoding = self._settings.decoding
        size = min(self._settings.batch_size, self._runner.largest_batch or len(tasks))
        batches = list(make_batches(tasks, size))
        requests = [[_request(task) for task in batch] for batch in batches]
        tally = tally_of(self._run_id)
        started = time.monotonic()
        results: dict[int, Description | RowError] = {}
        encoded = self._encoding.submit(model.encode, requests[0], decoding)
        for number, batch in enumerate(batches):
            ready, whole = encoded, requests[number]
            if number + 1 < len(batches):
                encoded = self._encoding.submit(model.encode, requests[number + 1], decoding)

            def call(
                some: Sequence[DescribeRequest],
                ready: Future[EncodedRequests] = ready,
                whole: Sequence[DescribeRequest] = whole,
            ) -> list[Description | RowError]:
                # A part of a batch that failed as a whole was not encoded beforehand.
                if len(some) < len(whole):
                    return model.describe(some, decoding)
                return model.generate(ready.result())

            for task, result in zip(batch, self._runner.run(whole, call), strict=True):
                results[id(task)] = result
            with tally.lock:
                tally.answered += len(batch)
        with tally.lock:
            tally.model_seconds += time.monotonic() - started
        return results


def _request(task: Task) -> DescribeRequest:
    assert task.image is not None
    return DescribeRequest(images=(task.image.pixels,), prompt=task.prompt, seed=task.seed)
