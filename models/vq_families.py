"""The VQ tokenizers of the families: a small class each, with the same few methods."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Protocol

import torch
from PIL.Image import Image
from torch import nn
from transformers import ChameleonVQVAE, Emu3VQVAE, JanusVQVAE
from transformers.models.chameleon.modeling_chameleon import ChameleonImageVocabularyMapping
from transformers.models.emu3.modeling_emu3 import Emu3ImageVocabularyMapping

from models.image_vocabulary import code_tokens
from models.source import ModelSource
from models.vq_decoder import CodeDecoder, build_decoder
from models.vq_weights import load_weights, read_decoder_tensors
from schemas.errors import UsageError

Tensors = Mapping[str, torch.Tensor]


class VqFamily(Protocol):
    """One family's VQ tokenizer."""

    modules: tuple[nn.Module, ...]
    """What is to be moved to a device."""
    codebook_size: int
    token_ids: list[int]
    """The language model's token id of each code."""

    def encode(self, values: torch.Tensor) -> torch.Tensor:
        """Encode values of shape (pictures, 3, h, w): int64 codes (pictures, height, width)."""

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Decode int64 codes of shape (pictures, height, width): values (pictures, 3, h, w)."""

    def frame(self, processor: Any, resolution: int | None) -> tuple[int, int] | None:
        """Height and width, in pixels, of what the processor makes; None where pictures differ."""

    def process(
        self, processor: Any, pictures: Sequence[Image], resolution: int | None
    ) -> list[Any]:
        """Frame pictures as the checkpoint's processor does: arrays of shape (3, h, w)."""

    def scale(self, processor: Any, pictures: Sequence[Image]) -> list[Any]:
        """Scale the values of pictures that are framed already."""

    def decodes(self, height: int, width: int) -> str:
        """Why a grid of this size cannot be decoded; empty if it can."""


def _vq_model(
    source: ModelSource, kind: Any, config: Any, tensors: Tensors, *, decoder: bool
) -> Any:
    with torch.device("meta"):
        model = kind(config)
    if not decoder:
        model.decoder = None
    load_weights(source, model, tensors)
    return model


def _any_grid(height: int, width: int) -> str:  # noqa: ARG001
    return ""


class ChameleonVq:
    """Chameleon, and what was made of it: Anole, Lumina-mGPT, calumma-tiny."""

    decodes = staticmethod(_any_grid)

    def __init__(
        self, source: ModelSource, config: Any, tensors: Tensors, *, decoder: bool
    ) -> None:
        self._model = _vq_model(source, ChameleonVQVAE, config.vq_config, tensors, decoder=False)
        self._decoder: CodeDecoder | None = None
        if decoder:
            self._decoder = build_decoder(
                source, config.vq_config, read_decoder_tensors(source), tensors
            )
        self.modules: tuple[nn.Module, ...] = (
            (self._model, self._decoder) if self._decoder else (self._model,)
        )
        self.codebook_size: int = config.vq_config.num_embeddings
        mapping = ChameleonImageVocabularyMapping(config.vocabulary_map or {})  # type: ignore[no-untyped-call]
        self.token_ids = code_tokens(source.name, mapping.img2bpe, self.codebook_size)

    def encode(self, values: torch.Tensor) -> torch.Tensor:
        """Encode values to codes."""
        hidden = self._model.quant_conv(self._model.encoder(values))
        codes: torch.Tensor = self._model.quantize(hidden)[2]
        return codes.view(len(values), *hidden.shape[2:])

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Decode codes to values."""
        assert self._decoder is not None
        return self._decoder(codes)  # type: ignore[no-any-return]

    def frame(self, processor: Any, resolution: int | None) -> tuple[int, int] | None:
        """What the processor makes."""
        if resolution is not None:
            return resolution, resolution
        size = processor.crop_size
        return (size.height, size.width) if processor.do_center_crop else None

    def process(
        self, processor: Any, pictures: Sequence[Image], resolution: int | None
    ) -> list[Any]:
        """Frame pictures as the checkpoint's processor does."""
        sizes: dict[str, Any] = {}
        if resolution is not None:
            sizes["size"] = {"shortest_edge": resolution}
            sizes["crop_size"] = {"height": resolution, "width": resolution}
        return list(processor(images=list(pictures), **sizes)["pixel_values"])

    def scale(self, processor: Any, pictures: Sequence[Image]) -> list[Any]:
        """Scale the values of pictures that are framed already."""
        plain = processor(images=list(pictures), do_resize=False, do_center_crop=False)
        return list(plain["pixel_values"])


class Emu3Vq:
    """Emu3: pictures keep their proportions, and each is encoded at its own size."""

    decodes = staticmethod(_any_grid)

    def __init__(
        self, source: ModelSource, config: Any, tensors: Tensors, *, decoder: bool
    ) -> None:
        self._model = _vq_model(source, Emu3VQVAE, config.vq_config, tensors, decoder=decoder)
        self.modules: tuple[nn.Module, ...] = (self._model,)
        self.codebook_size: int = config.vq_config.codebook_size
        mapping = Emu3ImageVocabularyMapping(config.vocabulary_map or {})  # type: ignore[no-untyped-call]
        self.token_ids = code_tokens(source.name, mapping.img2bpe, self.codebook_size)

    def encode(self, values: torch.Tensor) -> torch.Tensor:
        """Encode values to codes."""
        sizes = [tuple(values.shape[2:])] * len(values)
        return torch.stack(self._model.encode(values, sizes, return_dict=True).image_tokens)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Decode codes to values."""
        return self._model.decode(codes)  # type: ignore[no-any-return]

    def frame(self, processor: Any, resolution: int | None) -> tuple[int, int] | None:  # noqa: ARG002
        """What the processor makes."""
        return None

    def process(
        self, processor: Any, pictures: Sequence[Image], resolution: int | None
    ) -> list[Any]:
        """Frame pictures as the checkpoint's processor does."""
        if resolution is not None:
            processor = copy(processor)
            processor.min_pixels = processor.max_pixels = resolution**2
        return self._each(processor, pictures)

    def scale(self, processor: Any, pictures: Sequence[Image]) -> list[Any]:
        """Scale the values of pictures that are framed already."""
        return self._each(processor, pictures, do_resize=False)

    def _each(self, processor: Any, pictures: Sequence[Image], **options: bool) -> list[Any]:
        # One by one: the processor pads what it is given together, which would change the codes.
        # The order of the axes is said, for of a picture 3 pixels high it would be guessed wrong.
        return [
            processor(images=[picture], input_data_format="channels_last", **options)[
                "pixel_values"
            ][0]
            for picture in pictures
        ]


class JanusVq:
    """Janus and Janus-Pro: the VQ tokenizer that their language model writes pictures with."""

    def __init__(
        self, source: ModelSource, config: Any, tensors: Tensors, *, decoder: bool
    ) -> None:
        self._source = source
        self._model = _vq_model(source, JanusVQVAE, config.vq_config, tensors, decoder=decoder)
        self._side: int = config.vq_config.num_patches
        self.modules: tuple[nn.Module, ...] = (self._model,)
        self.codebook_size: int = config.vq_config.num_embeddings
        self.token_ids = list(range(self.codebook_size))

    def encode(self, values: torch.Tensor) -> torch.Tensor:
        """Encode values to codes."""
        hidden = self._model.quant_conv(self._model.encoder(values))
        codes: torch.Tensor = self._model.quantize(hidden)[2]
        return codes.view(len(values), *hidden.shape[2:])

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Decode codes to values."""
        return self._model.decode(codes.flatten(1))  # type: ignore[no-any-return]

    def decodes(self, height: int, width: int) -> str:
        """Why a grid of this size cannot be decoded; empty if it can."""
        side = self._side
        return (
            "" if height == width == side else f"it makes pictures of {side} x {side} codes alone"
        )

    def frame(self, processor: Any, resolution: int | None) -> tuple[int, int] | None:
        """What the processor makes."""
        own = (processor.size.height, processor.size.width)
        if resolution is not None and own != (resolution, resolution):
            raise UsageError(
                f"The model {self._source.name} reads and makes pictures of {own[1]} x {own[0]} "
                f"pixels alone, not of {resolution}. Leave the resolution out."
            )
        return own

    def process(
        self,
        processor: Any,
        pictures: Sequence[Image],
        resolution: int | None,  # noqa: ARG002
    ) -> list[Any]:
        """Frame pictures as the checkpoint's processor does."""
        return list(processor(images=list(pictures))["pixel_values"])

    def scale(self, processor: Any, pictures: Sequence[Image]) -> list[Any]:
        """Scale the values of pictures that are framed already."""
        plain = processor(images=list(pictures), do_resize=False, do_pad=False)
        return list(plain["pixel_values"])


FAMILIES: dict[str, Callable[..., VqFamily]] = {
    "chameleon": ChameleonVq,
    "emu3": Emu3Vq,
    "janus": JanusVq,
}
"""By the checkpoint's type."""
