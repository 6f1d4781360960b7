"""From requests to a model's input tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage

from models.context import is_encoder_decoder
from models.describing import DescribeRequest
from models.families import PromptStyle
from models.infill_prompts import MASK, no_sentinels
from models.loading import LoadedModel
from models.prompting import PromptWriter
from schemas.errors import RowError
from schemas.failure import FailureKind

# Training labels that a processor makes along with its tokens.
_NOT_INPUTS = ("labels",)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedBatch:
    """Input tensors of a batch, on the CPU.

    Attributes:
        inputs: what the model's ``generate`` takes.
        lengths: tokens of each row's prompt, pictures included.
        qformer_lengths: tokens of each row's text for the Q-Former; zeros where there is none.

    """

    inputs: dict[str, torch.Tensor]
    lengths: list[int]
    qformer_lengths: list[int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedGroup:
    """Requests that run together.

    Attributes:
        places: of the requests in their batch.
        seeds: of their sampling.
        inputs: what the model's ``generate`` takes, of its dtype; pinned where that speeds up
            the way to the device.

    """

    places: tuple[int, ...]
    seeds: tuple[int, ...]
    inputs: dict[str, torch.Tensor]


class RequestEncoder:
    """Encodes batches of requests for one model."""

    def __init__(self, loaded: LoadedModel, writer: PromptWriter) -> None:
        self._loaded = loaded
        self._writer = writer
        # Decoders go on where the prompt ends, so it is padded before it; encoders are padded
        # behind it, as in training.
        self._padding_side = "right" if is_encoder_decoder(loaded.model.config) else "left"
        tensors = {"return_tensors": "pt"}
        self._options: dict[str, Any] = {**tensors}
        if loaded.family.lists_from_processor:
            self._options = {"images_kwargs": tensors}
        if not self._writer.add_special_tokens:
            self._options["add_special_tokens"] = False
        if loaded.family.separator and loaded.processor.tokenizer.sep_token is None:
            # The processor would append the word None.
            self._options["return_for_text_completion"] = True

    def refusal(self, request: DescribeRequest) -> RowError | None:
        """Why a request cannot be run at all, whatever its length; None if it can."""
        if not request.images:
            return RowError(
                FailureKind.INVALID_ROW, "The row has no picture, and models describe pictures."
            )
        if len(request.images) > 1 and self._writer.style is PromptStyle.IMPLICIT:
            return RowError(
                FailureKind.INVALID_ROW,
                f"The row shows {len(request.images)} pictures, but models of type "
                f"{self._loaded.source.model_type} take one. Show one, or choose a chat model.",
            )
        if request.examples and not self._writer.takes_examples:
            return RowError(
                FailureKind.INVALID_ROW,
                f"Models of type {self._loaded.source.model_type} read nothing but their own "
                "prompts. Ask without examples, or choose a chat model.",
            )
        if self._writer.placeholder and self._writer.placeholder in request.prompt:
            return RowError(
                FailureKind.INVALID_ROW,
                f"The prompt contains {self._writer.placeholder}, which stands for a picture in "
                "this model. Leave it out: pictures are put before the prompt.",
            )
        return self._infilling_refusal(request.prompt)

    def _infilling_refusal(self, prompt: str) -> RowError | None:
        masks = prompt.count(MASK)
        if masks and self._writer.sentinels is None:
            return RowError(FailureKind.INVALID_ROW, no_sentinels(self._loaded.source.name))
        if masks > 1:
            return RowError(
                FailureKind.INVALID_ROW, f"The prompt holds {MASK} {masks} times, and may once."
            )
        return None

    def group(self, request: DescribeRequest) -> object:
        """What requests must have in common to be encoded, and run, together."""
        if self._loaded.family.same_count_batches:
            return len(self._pictures(request))
        if not self._loaded.family.same_size_batches:
            return MASK in request.prompt
        # Not at the top, for it is of use to Emu3 alone.
        from transformers.models.emu3.image_processing_emu3 import smart_resize

        images = self._loaded.processor.image_processor
        return tuple(
            smart_resize(height, width, images.spatial_factor, images.min_pixels, images.max_pixels)
            for height, width, _ in (pixels.shape for pixels in self._pictures(request))
        )

    def _pictures(self, request: DescribeRequest) -> list[NDArray[np.uint8]]:
        """The pictures that the model is shown, in the order in which the prompt has them."""
        shown = request.examples if self._writer.shows_examples else ()
        of_examples = [example.pixels for example in shown if example.pixels is not None]
        return [*of_examples, *request.images]

    def encode(self, requests: Sequence[DescribeRequest]) -> EncodedBatch:
        """Encode requests that were not refused.

        Raises:
            ValueError: the processor cannot make sense of a prompt or a picture.

        """
        prompts = [
            self._writer.write(request.prompt, len(request.images), request.examples)
            for request in requests
        ]
        # Pillow pictures, for a bare array of 3 rows can be taken for three channels.
        pictures = [
            [PillowImage.fromarray(pixels) for pixels in self._pictures(request)]
            for request in requests
        ]
        implicit = self._writer.style is PromptStyle.IMPLICIT
        options = self._options
        if self._loaded.family.separator and MASK in requests[0].prompt:
            # The text goes on at the prompt's end: nothing stands between.
            options = {**options, "return_for_text_completion": True}
        encoded = self._loaded.processor(
            # Nested, so that each row is known to own its pictures.
            images=[row[0] for row in pictures] if implicit else pictures,
            text=prompts,
            padding=True,
            padding_side=self._padding_side,
            **options,
        )
        inputs = {
            name: torch.as_tensor(value)
            for name, value in encoded.items()
            if name not in _NOT_INPUTS
        }
        qformer_lengths = [0] * len(requests)
        if self._loaded.family.qformer_text:
            # The side above is forced on this tokenizer too, and a Q-Former padded left gives
            # another picture.
            text = self._loaded.processor.qformer_tokenizer(
                prompts, padding=True, padding_side="right", return_tensors="pt"
            )
            inputs["qformer_input_ids"] = text["input_ids"]
            inputs["qformer_attention_mask"] = text["attention_mask"]
            qformer_lengths = text["attention_mask"].sum(dim=1).tolist()
        return EncodedBatch(
            inputs=inputs,
            lengths=inputs["attention_mask"].sum(dim=1).tolist(),
            qformer_lengths=qformer_lengths,
        )
