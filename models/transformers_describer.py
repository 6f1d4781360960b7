"""Describing pictures with any image-text-to-text model of transformers."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, GenerationMixin

from models.context import ContextLimits
from models.decoding import LogprobRecorder, processors_for, take_over_generation, token_config
from models.describing import DecodingSettings, DescribeRequest, Description
from models.encoding import EncodedBatch, RequestEncoder
from models.loading import LoadedModel
from models.source import ModelSource
from models.wanted_pixels import wanted_pixels
from schemas.errors import RowError
from schemas.failure import FailureKind


class TransformersDescriber:
    """See :class:`models.describing.Describer`.

    Threads may share one: while a batch is with the model, another thread may encode the next.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._encoder = RequestEncoder(loaded)
        self._limits = ContextLimits(loaded.model.config)
        self._tokenizer = loaded.processor.tokenizer
        self._tokens = token_config(loaded.model, self._tokenizer)
        self._ends = torch.tensor(self._tokens.eos_token_id or [], dtype=torch.long)
        self._fixed = take_over_generation(loaded.model, self._tokens)
        self.wanted_pixels = wanted_pixels(loaded.source)
        # Tokenizers keep the padding that is asked of them as state, and some models their
        # positions: neither may be entered twice.
        self._encoding = threading.Lock()
        self._generating = threading.Lock()

    @property
    def source(self) -> ModelSource:
        """What was loaded."""
        return self._loaded.source

    @property
    def device(self) -> str:
        """The torch device the model runs on."""
        return str(self._loaded.device)

    def describe(
        self, requests: Sequence[DescribeRequest], settings: DecodingSettings
    ) -> list[Description | RowError]:
        """Describe a batch of rows: one description or error a request, in order."""
        results: dict[int, Description | RowError] = {}
        groups: dict[object, list[int]] = {}
        for index, request in enumerate(requests):
            refusal = self._encoder.refusal(request)
            if refusal is None:
                groups.setdefault(self._group(request), []).append(index)
            else:
                results[index] = refusal
        for indices in groups.values():
            group = [requests[index] for index in indices]
            results.update(zip(indices, self._describe_group(group, settings), strict=True))
        return [results[index] for index in range(len(requests))]

    def _group(self, request: DescribeRequest) -> object:
        if not self._loaded.family.same_size_batches:
            return None
        return tuple(pixels.shape for pixels in request.images)

    def _describe_group(
        self, requests: Sequence[DescribeRequest], settings: DecodingSettings
    ) -> list[Description | RowError]:
        batch, problems = self._encode(requests, settings)
        fitting = [
            request for request, problem in zip(requests, problems, strict=True) if not problem
        ]
        if len(fitting) < len(requests):
            # Encoded again without the long rows, whose padding nobody should pay for.
            batch = self._encode(fitting, settings)[0] if fitting else batch
        described = iter(self._generate(batch, fitting, settings) if fitting else ())
        return [problem or next(described) for problem in problems]

    def _encode(
        self, requests: Sequence[DescribeRequest], settings: DecodingSettings
    ) -> tuple[EncodedBatch, list[RowError | None]]:
        with self._encoding:
            batch = self._encoder.encode(requests)
        return batch, [
            self._limits.check(length, qformer, settings.max_new_tokens)
            for length, qformer in zip(batch.lengths, batch.qformer_lengths, strict=True)
        ]

    def _generate(
        self,
        batch: EncodedBatch,
        requests: Sequence[DescribeRequest],
        settings: DecodingSettings,
    ) -> Iterable[Description | RowError]:
        recorder = LogprobRecorder()
        processors = processors_for(
            recorder, self._fixed, settings, [request.seed for request in requests]
        )
        config = GenerationConfig(  # type: ignore[no-untyped-call]
            **self._tokens.to_diff_dict(),
            max_new_tokens=settings.max_new_tokens,
            do_sample=False,
            num_beams=1,
        )
        model: Any = self._loaded.model
        generate = model.generate
        if self._loaded.family.plain_generate:
            generate = GenerationMixin.generate.__get__(model)
        with torch.inference_mode(), self._generating:
            sequences = generate(
                **self._on_device(batch.inputs),
                generation_config=config,
                logits_processor=processors,
            )
            tokens, logprobs = recorder.finish(sequences)
        return [self._description(*row) for row in zip(tokens, logprobs, strict=True)]

    def _on_device(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        device = self._loaded.device
        # Pixels that a VQ tokenizer reads stay in its float32.
        floating = torch.float32 if self._loaded.family.float32_modules else self._loaded.dtype
        pinned = device.type == "cuda"
        moved = {}
        for name, value in inputs.items():
            tensor = value.to(floating) if value.is_floating_point() else value
            source = tensor.pin_memory() if pinned else tensor
            moved[name] = source.to(device, non_blocking=pinned)
        return moved

    def _description(self, tokens: torch.Tensor, logprobs: torch.Tensor) -> Description | RowError:
        ends = torch.isin(tokens, self._ends).nonzero()
        stopped = len(ends) > 0
        count = int(ends[0]) + 1 if stopped else len(tokens)
        text = self._tokenizer.decode(tokens[:count], skip_special_tokens=True).strip()
        if not text:
            return RowError(FailureKind.EMPTY_OUTPUT, "The model generated no text for this row.")
        return Description(
            text=text,
            mean_logprob=float(logprobs[:count].double().mean()),
            finish_reason="stop" if stopped else "length",
            token_count=count,
        )
