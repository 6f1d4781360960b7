"""Embedding pictures and texts: what is asked, what comes back, and how an embedder is had.

Importing this module is quick: torch and transformers are imported when a model is loaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from models.source import ModelSource
from schemas.errors import RowError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

Modality = Literal["image", "text", "both"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbedRequest:
    """One row for a dual encoder.

    Attributes:
        pixels: uint8 array of shape (height, width, 3), RGB; None for a row without picture.
        text: empty for a row without text.

    """

    pixels: "NDArray[np.uint8] | None"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """Where a row lies.

    Attributes:
        vector: float32 array of shape (dimension,), of length 1.
        modality: what the vector is of; ``both`` is the average of picture and text.
        text_cut: whether the text was longer than the model reads.

    """

    vector: "NDArray[np.float32]"
    modality: Modality
    text_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedPairs:
    """A batch that is ready for the model.

    Attributes:
        count: requests in the batch.
        image_rows: places of the requests that have a picture; ``text_rows``: a text.
        images: what ``get_image_features`` takes, for those; ``texts``: ``get_text_features``.
        cut: places of the requests whose text was cut.

    """

    count: int
    image_rows: tuple[int, ...]
    text_rows: tuple[int, ...]
    images: "dict[str, torch.Tensor]"
    texts: "dict[str, torch.Tensor]"
    cut: frozenset[int]


class Embedder(Protocol):
    """A loaded dual encoder. Threads may share one.

    :meth:`encode` is work of the CPU and :meth:`embed` of the model: one thread may encode the
    next batch while another embeds.
    """

    @property
    def source(self) -> ModelSource:
        """What was loaded."""

    @property
    def device(self) -> str:
        """The torch device it runs on."""

    def encode(self, requests: Sequence[EmbedRequest]) -> EncodedPairs:
        """Turn a batch of rows into the model's input, in the machine's memory.

        Raises:
            Exception: whatever the processor raises for the batch.

        """

    def embed(self, encoded: EncodedPairs) -> list[Embedded | RowError]:
        """Embed an encoded batch; it may be tried again if this raises.

        Picture and text are embedded apart and brought to length 1. Of a row that has both, the
        vector is their average, brought to length 1 again (arXiv 2309.02591, section 2.1).

        Returns:
            One vector or error a request, in order.

        Raises:
            Exception: whatever the model raises for the batch, out of memory included.

        """


def load_embedder(
    source: ModelSource, *, device: str | None = None, dtype: str | None = None
) -> Embedder:
    """Load a dual encoder with its processor.

    Args:
        source: from :func:`models.source.resolve_encoder`.
        device: a torch device; None takes CUDA, else MPS, else the CPU.
        dtype: ``float32``, ``bfloat16`` or ``float16``; None takes bfloat16 on an accelerator
            and float32 on the CPU.

    Raises:
        ModelError: it cannot be loaded.

    """
    from models.dual_encoder import load_dual_encoder

    return load_dual_encoder(source, device=device, dtype=dtype)
