"""Embedding pictures and texts with any dual encoder of transformers."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from transformers import AutoModel, AutoProcessor

from models.checkpoint import check_weights, loading, pick_device, pick_dtype
from models.dual_encoders import dual_encoder_type
from models.embedding import Embedded, EmbedRequest, EncodedPairs, Modality
from models.files import model_folder
from models.source import ModelSource
from schemas.errors import RowError
from schemas.failure import FailureKind

# A vector of less than this length points nowhere: a picture and a text that cancel out.
_SMALLEST_NORM = 1e-6


class TransformersEmbedder:
    """See :class:`models.embedding.Embedder`."""

    def __init__(
        self,
        source: ModelSource,
        model: Any,
        processor: Any,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._source = source
        self._model = model
        self._images = processor.image_processor
        self._tokenizer = processor.tokenizer
        self._device = device
        self._dtype = dtype
        self._pads_to_limit = dual_encoder_type(source.model_type).pads_to_limit
        positions: int = model.config.text_config.max_position_embeddings
        self._most_tokens: int = min(positions, self._tokenizer.model_max_length)
        # Tokenizers keep the padding that is asked of them as state.
        self._encoding = threading.Lock()

    @property
    def source(self) -> ModelSource:
        """What was loaded."""
        return self._source

    @property
    def device(self) -> str:
        """The torch device the model runs on."""
        return str(self._device)

    def encode(self, requests: Sequence[EmbedRequest]) -> EncodedPairs:
        """Turn a batch of rows into the model's input, in the machine's memory."""
        image_rows = tuple(
            place for place, request in enumerate(requests) if request.pixels is not None
        )
        text_rows = tuple(place for place, request in enumerate(requests) if request.text.strip())
        texts = [requests[place].text for place in text_rows]
        with self._encoding:
            return EncodedPairs(
                count=len(requests),
                image_rows=image_rows,
                text_rows=text_rows,
                images=self._encode_images([requests[place].pixels for place in image_rows]),
                texts=self._encode_texts(texts),
                cut=frozenset(
                    place
                    for place, text in zip(text_rows, texts, strict=True)
                    if self._is_cut(text)
                ),
            )

    def embed(self, encoded: EncodedPairs) -> list[Embedded | RowError]:
        """Embed an encoded batch: one vector or error a request, in order."""
        with torch.inference_mode():
            images = self._features(self._model.get_image_features, encoded.images)
            texts = self._features(self._model.get_text_features, encoded.texts)
        image_of = dict(zip(encoded.image_rows, images, strict=True))
        text_of = dict(zip(encoded.text_rows, texts, strict=True))
        return [
            _joined(image_of.get(place), text_of.get(place), cut=place in encoded.cut)
            for place in range(encoded.count)
        ]

    def _encode_images(self, pictures: Sequence[Any]) -> dict[str, torch.Tensor]:
        if not pictures:
            return {}
        # Pillow pictures, for a bare array of 3 rows can be taken for three channels.
        images = [PillowImage.fromarray(pixels) for pixels in pictures]
        encoded = self._images(images=images, return_tensors="pt")
        return {name: self._for_transfer(torch.as_tensor(value)) for name, value in encoded.items()}

    def _encode_texts(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        if not texts:
            return {}
        encoded = self._tokenizer(
            list(texts),
            padding="max_length" if self._pads_to_limit else True,
            truncation=True,
            max_length=self._most_tokens,
            return_tensors="pt",
        )
        return {name: self._for_transfer(value) for name, value in encoded.items()}

    def _is_cut(self, text: str) -> bool:
        # A token is at least a byte of the text, so a short one need not be counted.
        if len(text.encode()) + 2 <= self._most_tokens:
            return False
        tokens: list[int] = self._tokenizer(text, truncation=False, verbose=False)["input_ids"]
        return len(tokens) > self._most_tokens

    def _for_transfer(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_floating_point():
            tensor = tensor.to(self._dtype)
        return tensor.pin_memory() if self._device.type == "cuda" else tensor

    def _features(self, get: Any, inputs: dict[str, torch.Tensor]) -> NDArray[np.float32]:
        """Vectors of length 1, float32 array of shape (rows, dimension)."""
        if not inputs:
            return np.empty((0, 0), np.float32)
        pinned = self._device.type == "cuda"
        moved = {
            name: value.to(self._device, non_blocking=pinned) for name, value in inputs.items()
        }
        found = get(**moved)
        vectors = found if isinstance(found, torch.Tensor) else found.pooler_output
        units: NDArray[np.float32] = (
            torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()
        )
        return units


def _joined(
    image: NDArray[np.float32] | None, text: NDArray[np.float32] | None, *, cut: bool
) -> Embedded | RowError:
    modality: Modality
    vector: NDArray[np.floating[Any]]
    if image is not None and text is not None:
        modality, vector = "both", (image + text) / 2
    elif image is not None:
        modality, vector = "image", image
    elif text is not None:
        modality, vector = "text", text
    else:
        return RowError(
            FailureKind.INVALID_ROW,
            "The row has nothing to embed: no text, and no picture that was asked for. Fill in its "
            "text, or embed something else of the rows (--of).",
        )
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm) or norm < _SMALLEST_NORM:
        return RowError(
            FailureKind.MODEL_ERROR,
            "The model gave no vector for this row: its numbers overflowed or cancelled out. Run "
            "it in float32.",
        )
    return Embedded(
        vector=(vector / np.float32(norm)).astype(np.float32), modality=modality, text_cut=cut
    )


def load_dual_encoder(
    source: ModelSource, *, device: str | None = None, dtype: str | None = None
) -> TransformersEmbedder:
    """Load a dual encoder; see :func:`models.embedding.load_embedder`."""
    chosen_device = pick_device(device)
    chosen_dtype = pick_dtype(dtype, chosen_device)
    folder = model_folder(source, weights=True)
    with loading(source):
        processor: Any = AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            folder, trust_remote_code=source.trust_remote_code
        )
        model, info = AutoModel.from_pretrained(
            folder,
            dtype=chosen_dtype,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            trust_remote_code=source.trust_remote_code,
        )
        check_weights(source, info)
        model = model.to(chosen_device).eval()
    return TransformersEmbedder(source, model, processor, chosen_device, chosen_dtype)
