"""Models to test with: the embedded one, and tiny checkpoints of every supported family."""

import logging
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

from models.describing import Describer, load_describer
from models.source import DEFAULT_MODEL, resolve_model
from tests.models.checkpoints.families import BUILDERS
from tests.models.reference import Reference


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Models this small only lose by threads, the more so beside other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder of a model type's tiny checkpoint, built when first asked for."""

    @cache
    def build(model_type: str) -> Path:
        folder = tmp_path_factory.mktemp("checkpoints") / model_type.replace(" ", "-")
        torch.manual_seed(0)
        BUILDERS[model_type](str(folder))
        return folder

    return build


@pytest.fixture(scope="session")
def describer(checkpoint: Callable[[str], Path]) -> Callable[[str], Describer]:
    """Gives the loaded checkpoint of a model type, on the CPU."""

    @cache
    def load(model_type: str) -> Describer:
        return load_describer(resolve_model(str(checkpoint(model_type))), device="cpu")

    return load


@pytest.fixture(scope="session")
def reference(checkpoint: Callable[[str], Path]) -> Callable[[str], Reference]:
    """Gives the independent reference of a family's checkpoint."""

    @cache
    def load(family: str) -> Reference:
        return Reference(family, checkpoint(family))

    return load


@pytest.fixture(scope="session")
def embedded() -> Describer:
    """The embedded model, on the CPU."""
    return load_describer(resolve_model(DEFAULT_MODEL), device="cpu")


@pytest.fixture
def library_messages() -> Iterator[list[str]]:
    """What transformers logs at warning level or above during a test."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    collector = Collector(logging.WARNING)
    logger = logging.getLogger("transformers")
    logger.addHandler(collector)
    yield messages
    logger.removeHandler(collector)
