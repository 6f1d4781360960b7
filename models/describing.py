"""Describing pictures: what is asked, what comes back, and how a describer is had.

Importing this module is quick: torch and transformers are imported when a model is loaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from models.memory import free_memory, is_out_of_memory
from models.source import ModelSource
from schemas.errors import RowError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.encoding import EncodedGroup

__all__ = [
    "DecodingSettings",
    "DescribeRequest",
    "Describer",
    "Description",
    "EncodedRequests",
    "Example",
    "free_memory",
    "is_out_of_memory",
    "load_describer",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """A worked example: a picture like the one that is asked about, and what it shows.

    Attributes:
        name: what it is told by afterwards.
        pixels: uint8 array of shape (height, width, 3), RGB; None for models that are shown
            texts alone, see :attr:`Describer.shows_examples`.
        prompt: what was asked.
        text: what was answered. Placeholders for pictures in it are left out.

    """

    name: str
    pixels: "NDArray[np.uint8] | None"
    prompt: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DescribeRequest:
    """One row for a model.

    Attributes:
        images: uint8 arrays of shape (height, width, 3), RGB; as many as the prompt speaks of.
        prompt: what is asked, without placeholders for pictures and without a chat template.
        seed: seeds this row's sampling, 0 to 2**63 - 1; unused where decoding is greedy.
        examples: shown before, the one most like the row last. Of a row that is too long for
            the model's context with them, the first are left out.

    """

    images: "tuple[NDArray[np.uint8], ...]"
    prompt: str
    seed: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingSettings:
    """How tokens are chosen.

    Attributes:
        max_new_tokens: tokens generated at most, the end token included.
        temperature: 0 takes the likeliest token; above it, logits are divided by it and sampled.
        top_p: sampling keeps the likeliest tokens whose probabilities sum to this
            (arXiv 1904.09751); 1 keeps all.

    Raises:
        UsageError: a value is out of range.

    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise UsageError(f"max_new_tokens must be at least 1, not {self.max_new_tokens}.")
        if not 0.0 <= self.temperature < float("inf"):
            raise UsageError(f"temperature must be 0 or more, not {self.temperature}.")
        if not 0.0 < self.top_p <= 1.0:
            raise UsageError(f"top_p must be above 0 and at most 1, not {self.top_p}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a model said of one row.

    Attributes:
        text: without special tokens and without the thought before the answer, stripped.
        mean_logprob: mean natural logarithm of the generated tokens' probabilities, the end token
            included, under the model's own distribution: before temperature, top-p and
            suppressed tokens.
        finish_reason: ``stop`` where the model ended the text, ``length`` where the limit did.
        token_count: tokens generated, the end token and any thought included.
        examples: names of the examples that the model was shown.

    """

    text: str
    mean_logprob: float
    finish_reason: Literal["stop", "length"]
    token_count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedRequests:
    """A batch that is ready for the model; of use to the describer that encoded it alone.

    Attributes:
        count: requests encoded or refused.
        refused: the errors of requests that the model is not asked, by their place in the batch.
        groups: tensors of the other requests, of those together that may run together.
        settings: how tokens are to be chosen.
        examples: names of the examples that each request is run with.

    """

    count: int
    refused: dict[int, RowError]
    groups: "tuple[EncodedGroup, ...]"
    settings: DecodingSettings
    examples: tuple[tuple[str, ...], ...]


class Describer(Protocol):
    """A loaded image-text-to-text model. Threads may share one.

    :meth:`encode` is work of the CPU and :meth:`generate` of the model: one thread may encode
    the next batch while another generates.
    """

    @property
    def source(self) -> ModelSource:
        """What was loaded."""

    @property
    def device(self) -> str:
        """The torch device it runs on."""

    @property
    def wanted_pixels(self) -> int | None:
        """The shorter side in pixels that it makes use of at most; None for full resolution."""

    @property
    def shows_examples(self) -> bool:
        """Whether it is shown the pictures of examples; others are told their texts alone."""

    def encode(
        self, requests: Sequence[DescribeRequest], settings: DecodingSettings
    ) -> EncodedRequests:
        """Turn a batch of rows into the model's input, in the machine's memory.

        Raises:
            Exception: whatever the processor raises for the batch.

        """

    def generate(self, encoded: EncodedRequests) -> list[Description | RowError]:
        """Describe an encoded batch; it may be tried again if this raises.

        Returns:
            One description or error a request, in order.

        Raises:
            Exception: whatever the model raises for the batch, out of memory included.

        """

    def describe(
        self, requests: Sequence[DescribeRequest], settings: DecodingSettings
    ) -> list[Description | RowError]:
        """Encode a batch and generate; a row's result does not depend on the others.

        Returns:
            One description or error a request, in order.

        Raises:
            Exception: whatever :meth:`encode` or :meth:`generate` raises.

        """


def load_describer(
    source: ModelSource, *, device: str | None = None, dtype: str | None = None
) -> Describer:
    """Load a model with its processor.

    Args:
        source: from :func:`models.source.resolve_model`.
        device: a torch device; None takes CUDA, else MPS, else the CPU.
        dtype: ``float32``, ``bfloat16`` or ``float16``; None takes bfloat16 on an accelerator
            and float32 on the CPU.

    Raises:
        ModelError: it cannot be loaded, or does not take pictures and text.

    """
    from models.loading import load_model
    from models.transformers_describer import TransformersDescriber

    return TransformersDescriber(load_model(source, device=device, dtype=dtype))
