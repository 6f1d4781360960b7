"""Running a model on windows of tasks, on Beam's RunInference: one outcome a task, always."""

import time
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from apache_beam.ml.inference.base import ModelHandler

from models.memory import free_memory, is_out_of_memory
from schemas.errors import RowError
from transforms.batching import make_batches
from transforms.isolation import BatchRunner
from transforms.items import Done, Item, Outcome, Result, Success, Task
from transforms.lazy_model import LazyModel, Model, model_of_process
from transforms.settings import WorkSettings
from transforms.tally import tally_of

Request = TypeVar("Request")
Encoded = TypeVar("Encoded")


class WindowHandler(ModelHandler[Item, Done, LazyModel[Model]], Generic[Model, Request, Encoded]):
    """Runs a model on windows of tasks; to be used ``with_no_batching``.

    A window is cut into batches here, so that the next one is encoded (resized, tokenized) and the
    last one finished while the model works on this one.

    Args:
        out: output folder of the run, where loading the model is noted; empty for no run.

    """

    def __init__(self, work: WorkSettings, run_id: str, out: str = "") -> None:
        super().__init__()
        self._work = work
        self._run_id = run_id
        self._out = out
        self._runner: BatchRunner | None = None
        self._encoding: ThreadPoolExecutor | None = None
        self._finishing: ThreadPoolExecutor | None = None

    @abstractmethod
    def _load(self) -> Model:
        """Load the model."""

    @abstractmethod
    def _request(self, task: Task) -> Request:
        """What the model is asked for a task."""

    @abstractmethod
    def _encode(self, model: Model, requests: Sequence[Request]) -> Encoded:
        """Turn a batch into the model's input: work of the CPU."""

    @abstractmethod
    def _run(self, model: Model, encoded: Encoded) -> Sequence[Result]:
        """Run the model on a batch: one result a request, in order."""

    def _finish(self, found: Sequence[Result]) -> Sequence[Result]:
        """What is left to do to a batch's results: on the CPU, while the model runs on."""
        return found

    def load_model(self) -> LazyModel[Model]:
        """Get ready to load the model."""
        if not self._out:
            return self._lazy_model()
        return model_of_process(self._run_id, self._work, self._lazy_model)

    def run_inference(
        self,
        batch: Sequence[Item],
        model: LazyModel[Model],
        inference_args: dict[str, Any] | None = None,  # noqa: ARG002 - Beam passes it by name
    ) -> Iterable[Done]:
        """Do a window's tasks; what is no task is passed on where it stands."""
        tasks = [item for item in batch if isinstance(item, Task) and item.problem is None]
        results = self._do(tasks, model.get()) if tasks else {}
        done: list[Done] = []
        for item in batch:
            if not isinstance(item, Task):
                done.append(item)
            else:
                done.append(Outcome(task=item, result=item.problem or results[id(item)]))
        return done

    def get_num_bytes(self, batch: Sequence[Item]) -> int:
        """Bytes of the batch's pixels (Beam's own answer pickles the batch)."""
        return sum(
            item.image.pixels.nbytes for item in batch if isinstance(item, Task) and item.image
        )

    def _lazy_model(self) -> LazyModel[Model]:
        return LazyModel(self._work.source, self._load, self._run_id, self._out)

    def _do(self, tasks: list[Task], model: Model) -> dict[int, Result]:
        """Do tasks in batches of like ones; give the results by the tasks' ``id()``."""
        if self._runner is None or self._encoding is None or self._finishing is None:
            self._runner = BatchRunner(is_out_of_memory, free_memory)
            self._encoding = ThreadPoolExecutor(1, thread_name_prefix="encode")
            self._finishing = ThreadPoolExecutor(1, thread_name_prefix="finish")
        size = min(self._work.batch_size, self._runner.largest_batch or len(tasks))
        batches = list(make_batches(tasks, size))
        requests = [[self._request(task) for task in batch] for batch in batches]
        tally = tally_of(self._run_id)
        started = time.monotonic()
        finished: list[Future[Sequence[Result]]] = []
        encoded = self._encoding.submit(self._encode, model, requests[0])
        for number, batch in enumerate(batches):
            ready, whole = encoded, requests[number]
            if number + 1 < len(batches):
                encoded = self._encoding.submit(self._encode, model, requests[number + 1])

            def call(
                some: Sequence[Request],
                ready: Future[Encoded] = ready,
                whole: Sequence[Request] = whole,
            ) -> list[Any]:
                # A part of a batch that failed as a whole was not encoded beforehand.
                part = self._encode(model, some) if len(some) < len(whole) else ready.result()
                return list(self._run(model, part))

            found: list[Success | RowError] = self._runner.run(whole, call)
            finished.append(self._finishing.submit(self._finish, found))
            with tally.lock:
                tally.answered += len(batch)
        results = {
            id(task): result
            for batch, done in zip(batches, finished, strict=True)
            for task, result in zip(batch, done.result(), strict=True)
        }
        with tally.lock:
            tally.model_seconds += time.monotonic() - started
        return results
