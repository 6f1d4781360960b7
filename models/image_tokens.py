"""Pictures as tokens: what is asked, what comes back, and how a tokenizer is had.

Importing this module is quick: torch and transformers are imported when a model is loaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from models.framing import Framed, Framing, Rectangle
from models.source import ModelSource
from schemas.errors import RowError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenizeRequest:
    """One picture, or one crop of it.

    Attributes:
        pixels: uint8 array of shape (height, width, 3), RGB.
        crop: the part to take, where pictures are framed by ``crop``; of no use otherwise.

    """

    pixels: "NDArray[np.uint8]"
    crop: Rectangle | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageCodes:
    """A picture as codes.

    Attributes:
        codes: int32 array of shape (grid height, grid width): indices in the codebook, which are
            not ids of the language model's vocabulary, see :attr:`ImageTokenizer.vocabulary_ids`.
        tokenizer: the model's name.
        tokenizer_hash: see :attr:`ImageTokenizer.tokenizer_hash`.
        framed: how the picture was framed; None of codes that were not made of a picture.

    """

    codes: "NDArray[np.int32]"
    tokenizer: str
    tokenizer_hash: str
    framed: Framed | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureGroup:
    """Pictures of one size, ready for the model.

    Attributes:
        places: where in the batch they stand.
        values: float32 tensor of shape (pictures, 3, height, width).

    """

    places: tuple[int, ...]
    values: "torch.Tensor"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedPictures:
    """A batch that is ready for the model; of use to the tokenizer that prepared it alone.

    Attributes:
        count: requests prepared or refused.
        refused: the errors of those that cannot be framed, by their place in the batch.
        framed: how the others were framed, by their place.
        groups: their pictures.

    """

    count: int
    refused: dict[int, RowError]
    framed: dict[int, Framed]
    groups: tuple[PictureGroup, ...]


class ImageTokenizer(Protocol):
    """A loaded VQ tokenizer, which runs in float32. Threads may share one.

    :meth:`prepare` is work of the CPU, :meth:`encode` and :meth:`decode` of the model.
    """

    @property
    def source(self) -> ModelSource:
        """What was loaded."""

    @property
    def device(self) -> str:
        """The torch device it runs on."""

    @property
    def tokenizer_hash(self) -> str:
        """``sha256:`` and 16 hexadecimal digits of what makes codes of a frame's pixels.

        That is the encoder, the codebook and the scale of the pixels; not how the frame was made,
        which :class:`models.framing.Framed` says. Equal where two checkpoints share a tokenizer.
        """

    @property
    def codebook_size(self) -> int:
        """Codes are from 0 to below this."""

    @property
    def pixels_per_code(self) -> int:
        """Side, in pixels, of the square that one code stands for."""

    @property
    def vocabulary_ids(self) -> "NDArray[np.int64]":
        """The language model's token id of each code, int64 array of shape (codebook size,).

        Janus has an embedding and a head of their own for codes, in which a code is its own id.
        """

    def grid(self, framing: Framing) -> tuple[int, int] | None:
        """Height and width, in codes, of every picture's grid; None where pictures differ.

        Raises:
            UsageError: the tokenizer cannot frame pictures like that.

        """

    def prepare(self, requests: Sequence[TokenizeRequest], framing: Framing) -> PreparedPictures:
        """Frame a batch of pictures and scale their values, in the machine's memory.

        Raises:
            UsageError: the tokenizer cannot frame pictures like that.

        """

    def frames(self, prepared: PreparedPictures) -> "list[NDArray[np.uint8] | RowError]":
        """The pictures as the model sees them, uint8 arrays of shape (height, width, 3).

        What codes say of a picture is to be compared with these.
        """

    def encode(self, prepared: PreparedPictures) -> list[ImageCodes | RowError]:
        """Turn a prepared batch into codes; it may be tried again if this raises.

        Returns:
            The codes or error of each request, in order.

        Raises:
            Exception: whatever the model raises for the batch, out of memory included.

        """

    def decode(self, rows: Sequence[ImageCodes]) -> "list[NDArray[np.uint8] | RowError]":
        """Make pictures of codes; it may be tried again if this raises.

        Returns:
            A uint8 array of shape (height, width, 3) or an error for each row, in order. Codes of
            another tokenizer, codes that are not in the codebook and grids that the tokenizer
            cannot decode are errors of their rows.

        Raises:
            ModelError: the decoder was not loaded.
            Exception: whatever the model raises for the batch, out of memory included.

        """


def load_image_tokenizer(
    source: ModelSource, *, device: str | None = None, decoder: bool = True
) -> ImageTokenizer:
    """Load a checkpoint's VQ tokenizer: of its weights, those of that part alone.

    Args:
        source: from :func:`models.source.resolve_image_tokenizer`.
        device: a torch device; None takes CUDA, else MPS, else the CPU.
        decoder: whether pictures will be made. Without, no decoder need be there.

    Raises:
        ModelError: it cannot be loaded, or has no decoder.

    """
    from models.vq_tokenizer import load_vq_tokenizer

    return load_vq_tokenizer(source, device=device, decoder=decoder)
