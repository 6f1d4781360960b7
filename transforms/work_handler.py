"""Which model handler does a job's work."""

from collections.abc import Callable, Mapping
from typing import Any

from transforms.assemble import AssemblingHandler
from transforms.describe import DescribingHandler
from transforms.describe_with_examples import ExampleDescribingHandler
from transforms.documents.settings import AssembleSettings
from transforms.embed import EmbeddingHandler
from transforms.filter import FilterHandler
from transforms.generate import GeneratingHandler
from transforms.reconstruct import ReconstructingHandler
from transforms.retrieve import RetrievingHandler
from transforms.settings import (
    DescribeSettings,
    EmbedSettings,
    FilterSettings,
    GenerateSettings,
    NeighborSettings,
    ReconstructSettings,
    SignSettings,
    StructureSettings,
    TokenizeSettings,
    WorkSettings,
)
from transforms.sign import SigningHandler
from transforms.structure import StructureHandler
from transforms.tokenize import TokenizingHandler
from transforms.window_handler import WindowHandler

_HANDLERS: Mapping[type, Callable[[Any, str, str], WindowHandler[Any, Any, Any]]] = {
    DescribeSettings: DescribingHandler,
    EmbedSettings: EmbeddingHandler,
    NeighborSettings: RetrievingHandler,
    SignSettings: SigningHandler,
    TokenizeSettings: TokenizingHandler,
    ReconstructSettings: ReconstructingHandler,
    StructureSettings: StructureHandler,
    FilterSettings: FilterHandler,
    GenerateSettings: GeneratingHandler,
    AssembleSettings: AssemblingHandler,
}


def work_handler(work: WorkSettings, run_id: str, out: str) -> WindowHandler[Any, Any, Any]:
    """The handler of a job's heavy step.

    Args:
        out: output folder of the run.

    """
    if isinstance(work, DescribeSettings) and work.examples is not None:
        return ExampleDescribingHandler(work, run_id, out)
    return _HANDLERS[type(work)](work, run_id, out)
