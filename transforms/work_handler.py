"""Which model handler does a job's work."""

from typing import Any

from transforms.describe import DescribingHandler
from transforms.describe_with_examples import ExampleDescribingHandler
from transforms.embed import EmbeddingHandler
from transforms.retrieve import RetrievingHandler
from transforms.settings import (
    EmbedSettings,
    NeighborSettings,
    SignSettings,
    TokenizeSettings,
    WorkSettings,
)
from transforms.sign import SigningHandler
from transforms.tokenize import TokenizingHandler
from transforms.window_handler import WindowHandler


def work_handler(work: WorkSettings, run_id: str, out: str) -> WindowHandler[Any, Any, Any]:
    """The handler of a job's heavy step.

    Args:
        out: output folder of the run.

    """
    if isinstance(work, EmbedSettings):
        return EmbeddingHandler(work, run_id, out)
    if isinstance(work, NeighborSettings):
        return RetrievingHandler(work, run_id, out)
    if isinstance(work, SignSettings):
        return SigningHandler(work, run_id, out)
    if isinstance(work, TokenizeSettings):
        return TokenizingHandler(work, run_id, out)
    if work.examples is not None:
        return ExampleDescribingHandler(work, run_id, out)
    return DescribingHandler(work, run_id, out)
