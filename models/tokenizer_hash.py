"""A digest of what makes codes of pictures: the encoder's weights, and the scale of intensities."""

from collections.abc import Mapping
from typing import Any

import torch
from transformers import AutoImageProcessor

from models.checkpoint import loading
from models.families import family_of
from models.files import model_folder
from models.source import ModelSource
from models.vq_weights import digest_tensors, read_vq_tensors

DECODER_PARTS = ("decoder.", "post_quant_conv.")
"""Beginnings of the names of tensors that make pixels of codes."""


def tokenizer_hash(source: ModelSource) -> str:
    """Hash a checkpoint's picture tokenizer; of its weights those of the encoder are read.

    Returns:
        What :attr:`models.image_tokens.ImageTokenizer.tokenizer_hash` says.

    Raises:
        ModelError: it has no such weights, or cannot be read.

    """
    with loading(source):
        processor = load_image_processor(source)
        tensors = read_vq_tensors(source, without=DECODER_PARTS)
    return hash_of(source, tensors, processor)


def hash_of(source: ModelSource, tensors: Mapping[str, torch.Tensor], processor: Any) -> str:
    """Hash a tokenizer that was read.

    Args:
        tensors: by their names in the tokenizer, on the CPU in float32; the decoder's may be there.

    """
    encoder = {
        name: tensor for name, tensor in tensors.items() if not name.startswith(DECODER_PARTS)
    }
    return digest_tensors(encoder, [source.model_type, *map(str, scale_of(processor))])


def load_image_processor(source: ModelSource) -> Any:
    """Read a checkpoint's image processor."""
    backend = family_of(source.model_type).image_backend
    return AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
        model_folder(source, weights=False),
        trust_remote_code=source.trust_remote_code,
        **({} if backend is None else {"backend": backend}),
    )


def scale_of(processor: Any) -> tuple[list[float], list[float], float]:
    """Mean, deviation and factor: a value is (factor * intensity - mean) / deviation."""
    mean, deviation = [0.0] * 3, [1.0] * 3
    if processor.do_normalize:
        mean, deviation = list(processor.image_mean), list(processor.image_std)
    return mean, deviation, processor.rescale_factor if processor.do_rescale else 1.0
