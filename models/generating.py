"""Generating images: what is asked, what comes back, and how a generator is had.

A generator gives the codes of pictures; an image tokenizer makes pixels of them. Importing this
module is quick: torch and transformers are imported when a model is loaded.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from models.image_families import check_makes_images
from models.source import ModelSource
from schemas.errors import RowError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.image_requests import EncodedImageGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastSettings:
    """Contrastive decoding top-k, CD-K (arXiv 2309.02591, section 3.1).

    Attributes:
        k: the k-th likeliest code sets the bar that others must reach; 1 is plain contrastive
            decoding.
        alpha: the share of that code's probability which a code must have, 0 to 1.
        half: contrast every second sample of a request only, from its second on; the others are
            guided and filtered. The paper found that mixture best.

    Raises:
        UsageError: a value is out of range.

    """

    k: int
    alpha: float
    half: bool = False

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UsageError(f"k of contrastive decoding must be at least 1, not {self.k}.")
        if not 0.0 <= self.alpha <= 1.0:
            raise UsageError(
                f"alpha of contrastive decoding must be from 0 to 1, not {self.alpha}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """How the codes of pictures are chosen.

    Attributes:
        temperature: scores are divided by it and sampled; 0 takes the best code.
        top_k: sampling keeps so many of the best codes; 0 keeps all.
        top_p: sampling keeps the best codes whose probabilities sum to this; 1 keeps all.
        guidance: scale of the text, 1 for none: see :func:`models.sampling.guide`.
        image_guidance: scale of the source pictures, 1 for none: see
            :func:`models.sampling.guide_edit`. Rows without a source picture are refused where
            it is given; None takes rows with and without.
        contrast: contrastive decoding in place of guidance, top-k and top-p.
        unconditional: what is asked where nothing is, to guide by and to contrast with; None for
            what the model's family has for it.

    Raises:
        UsageError: a value is out of range, or two contradict each other.

    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    guidance: float = 1.0
    image_guidance: float | None = None
    contrast: ContrastSettings | None = None
    unconditional: str | None = None

    def __post_init__(self) -> None:
        scales = {"temperature": self.temperature, "guidance": self.guidance}
        if self.image_guidance is not None:
            scales["image_guidance"] = self.image_guidance
        for name, value in scales.items():
            if not 0.0 <= value < math.inf:
                raise UsageError(f"{name} must be 0 or more, not {value}.")
        if self.top_k < 0:
            raise UsageError(f"top_k must be 0 or more, not {self.top_k}.")
        if not 0.0 < self.top_p <= 1.0:
            raise UsageError(f"top_p must be above 0 and at most 1, not {self.top_p}.")
        plain = self.guidance == 1 and self.image_guidance in (None, 1)
        filters = self.top_k or self.top_p < 1
        if self.contrast and not self.contrast.half and (filters or not plain):
            raise UsageError(
                "Contrastive decoding takes the place of guidance, top-k and top-p: leave those "
                "out, or contrast half of the samples only."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageDocument:
    """What a model is shown before a request: a text and its picture, or one of them.

    Attributes:
        name: by which it is told that it was shown.
        text: empty for none.
        pixels: uint8 array of shape (height, width, 3), RGB; None for no picture.

    """

    name: str
    text: str
    pixels: "NDArray[np.uint8] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageRequest:
    """One row for a generator.

    Attributes:
        prompt: what is asked, without placeholders for pictures and without a chat template.
        seed: seeds this row's sampling, 0 to 2**63 - 1.
        samples: pictures asked for.
        first: number of the first of them: a sample is the same whichever are asked for with it,
            in one request or in several.
        images: source pictures of an edit, uint8 arrays of shape (height, width, 3), RGB; they
            are shown before the prompt.
        lead: what is said before the source pictures.
        documents: shown before all of that, the most like the request last. The first ones are
            left out where the model's context holds no more. Guidance and contrast take them for
            a part of what is asked: without the text, they are not shown either.
        size: height and width in pixels, of models that draw in any; None for the model's own.
        kept: int32 array of shape (rows, columns): the codes of a picture of which a part is to be
            drawn anew, and -1 in their place there (see :func:`models.infilling.keep_outside`).
            Each code that is drawn follows from the prompt and all codes before it in the order of
            reading, kept or drawn. None draws all.

    """

    prompt: str
    seed: int
    samples: int = 1
    first: int = 0
    images: "tuple[NDArray[np.uint8], ...]" = ()
    lead: str = ""
    documents: tuple[ImageDocument, ...] = ()
    size: tuple[int, int] | None = None
    kept: "NDArray[np.int32] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSample:
    """One picture.

    Attributes:
        codes: int32 array of shape (rows, columns): the codes of the model's image tokenizer.
        mean_logprob: mean natural logarithm of the probabilities of the codes that were drawn,
            under the model's own distribution over codes, given the request: before temperature,
            guidance, contrast and filters.
        contrasted: whether contrastive decoding chose the codes.
        documents: names of the documents that were shown, in their order.

    """

    codes: "NDArray[np.int32]"
    mean_logprob: float
    contrasted: bool
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedImageRequests:
    """A batch that is ready for the model; of use to the generator that encoded it alone.

    Attributes:
        count: requests encoded or refused.
        refused: the errors of requests that the model is not asked, by their place in the batch.
        groups: the other requests, those together that may run together.
        settings: how codes are to be chosen.

    """

    count: int
    refused: dict[int, RowError]
    groups: "tuple[EncodedImageGroup, ...]"
    settings: ImageSettings


class ImageGenerator(Protocol):
    """A loaded model that makes images. Threads may share one.

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
    def edits(self) -> bool:
        """Whether it is shown source pictures and documents; others draw from text alone."""

    def grid(self, size: tuple[int, int] | None) -> tuple[int, int]:
        """Rows and columns of a picture's codes.

        Args:
            size: height and width of the picture in pixels; None for the model's own.

        Raises:
            RowError: it does not draw in that size.

        """

    def encode(
        self, requests: Sequence[ImageRequest], settings: ImageSettings
    ) -> EncodedImageRequests:
        """Turn a batch of rows into the model's input, in the machine's memory.

        Raises:
            Exception: whatever the processor raises for the batch.

        """

    def generate(self, encoded: EncodedImageRequests) -> list[tuple[ImageSample, ...] | RowError]:
        """Draw an encoded batch; it may be tried again if this raises.

        On the CPU in float32 a row's codes do not depend on the rows beside it, but for
        rounding: where a random number falls within about 1e-6 of the border between two codes,
        another batch may take the other one.

        Returns:
            The samples of each request, or its error, in order.

        Raises:
            Exception: whatever the model raises for the batch, out of memory included.

        """


def load_image_generator(
    source: ModelSource,
    *,
    device: str | None = None,
    dtype: str | None = None,
    compiled: bool = False,
) -> ImageGenerator:
    """Load a model with its processor.

    Args:
        source: from :func:`models.source.resolve_model`.
        device: a torch device; None takes CUDA, else MPS, else the CPU.
        dtype: ``float32``, ``bfloat16`` or ``float16``; None takes bfloat16 on an accelerator
            and float32 on the CPU.
        compiled: whether the step that draws a code is compiled when it is first needed.

    Raises:
        ModelError: it makes no images, or cannot be loaded, or nothing can be compiled here.

    """
    check_makes_images(source.name, source.model_type)
    from models.compiled_steps import check_compiles
    from models.loading import load_model
    from models.token_generator import TokenImageGenerator

    loaded = load_model(source, device=device, dtype=dtype)
    if compiled:
        check_compiles(loaded.device)
    return TokenImageGenerator(loaded, compiled=compiled)
