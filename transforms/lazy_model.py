"""A model that is loaded when the first row needs it, once in a process."""

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from models.source import ModelSource, check_source_here
from schemas.errors import ModelError, WorkerError
from storage.loads import note_load
from storage.store import open_store
from transforms.tally import tally_of

Model = TypeVar("Model")


class LazyModel(Generic[Model]):
    """A model that is loaded when the first row needs it, once, whatever thread asks first.

    Beam loads models when a worker starts; a run that finds nothing new should not wait for one.

    Args:
        load: loads it.
        out: output folder of the run, where the load is noted; empty for no run.

    """

    def __init__(
        self, source: ModelSource, load: Callable[[], Model], run_id: str, out: str = ""
    ) -> None:
        self._source = source
        self._load = load
        self._run_id = run_id
        self._out = out
        self._lock = threading.Lock()
        self._model: Model | None = None

    def get(self) -> Model:
        """The model."""
        with self._lock:
            if self._model is None:
                started = time.monotonic()
                _check_source(self._source)
                self._model = self._load()
                seconds = time.monotonic() - started
                tally = tally_of(self._run_id)
                with tally.lock:
                    tally.model_loads += 1
                    tally.load_seconds += seconds
                if self._out:
                    note_load(open_store(self._out), self._run_id, seconds)
            return self._model


_models: dict[tuple[str, object], LazyModel[Any]] = {}
_models_lock = threading.Lock()


def model_of_process(
    run_id: str, settings: object, make: Callable[[], LazyModel[Model]]
) -> LazyModel[Model]:
    """The one of this process, kept while the process works for the run.

    Beam lets go of a model when no bundle has used it for a minute, and runners pause for longer.
    """
    with _models_lock:
        key = (run_id, settings)
        if key not in _models:
            _models.clear()
            _models[key] = make()
        return _models[key]


def _check_source(source: ModelSource) -> None:
    try:
        check_source_here(source)
    except ModelError as error:
        raise WorkerError(str(error)) from error
