"""Describing pictures with any image-text-to-text model of transformers."""

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from transformers import GenerationConfig, GenerationMixin

from models.context import ContextLimits
from models.decoding import LogprobRecorder, processors_for, take_over_generation, token_config
from models.describing import DecodingSettings, DescribeRequest, Description, EncodedRequests
from models.encoding import EncodedBatch, EncodedGroup, RequestEncoder
from models.loading import LoadedModel
from models.prompting import PromptWriter
from models.source import ModelSource
from models.thoughts import without_thought
from models.wanted_pixels import wanted_pixels
from schemas.errors import RowError
from schemas.failure import FailureKind


class TransformersDescriber:
    """See :class:`models.describing.Describer`.

    Threads may share one: while a batch is with the model, another thread may encode the next.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        writer = PromptWriter(loaded)
        self._thinking_begun = writer.begins_thought
        self._encoder = RequestEncoder(loaded, writer)
        self._limits = ContextLimits(loaded.model.config)
        self._tokenizer = loaded.processor.tokenizer
        self._tokens = token_config(loaded.model, self._tokenizer)
        self._ends = torch.tensor(self._tokens.eos_token_id or [], dtype=torch.long)
        self._fixed = take_over_generation(loaded.model, self._tokens)
        self.wanted_pixels = wanted_pixels(loaded.source)
        self.shows_examples = writer.shows_examples
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
        """Encode a batch and generate: one description or error a request, in order."""
        return self.generate(self.encode(requests, settings))

    def encode(
        self, requests: Sequence[DescribeRequest], settings: DecodingSettings
    ) -> EncodedRequests:
        """Turn a batch of rows into the model's input, in the machine's memory."""
        refused: dict[int, RowError] = {}
        shown = list(requests)
        groups = []
        waiting: Sequence[int] = range(len(requests))
        while waiting:
            together: dict[object, list[int]] = {}
            for place in waiting:
                refusal = self._encoder.refusal(shown[place])
                if refusal is None:
                    together.setdefault(self._encoder.group(shown[place]), []).append(place)
                else:
                    refused[place] = refusal
            shortened = []
            for places in together.values():
                group, too_long = self._encode_group(places, shown, settings)
                if group:
                    groups.append(group)
                for place, problem in too_long.items():
                    if shown[place].examples:
                        shown[place] = replace(shown[place], examples=shown[place].examples[1:])
                        shortened.append(place)
                    else:
                        refused[place] = problem
            waiting = shortened
        return EncodedRequests(
            count=len(requests),
            refused=refused,
            groups=tuple(groups),
            settings=settings,
            examples=tuple(
                tuple(example.name for example in request.examples) for request in shown
            ),
        )

    def generate(self, encoded: EncodedRequests) -> list[Description | RowError]:
        """Describe an encoded batch: one description or error a request, in order."""
        results: dict[int, Description | RowError] = {**encoded.refused}
        for group in encoded.groups:
            examples = [encoded.examples[place] for place in group.places]
            described = self._generate_group(group, examples, encoded.settings)
            results.update(zip(group.places, described, strict=True))
        return [results[place] for place in range(encoded.count)]

    def _encode_group(
        self,
        places: Sequence[int],
        requests: Sequence[DescribeRequest],
        settings: DecodingSettings,
    ) -> tuple[EncodedGroup | None, dict[int, RowError]]:
        batch = self._encode(places, requests)
        too_long = {}
        for place, length, qformer in zip(
            places, batch.lengths, batch.qformer_lengths, strict=True
        ):
            problem = self._limits.check(length, qformer, settings.max_new_tokens)
            if problem is not None:
                too_long[place] = problem
        fitting = tuple(place for place in places if place not in too_long)
        if not fitting:
            return None, too_long
        if too_long:
            # Encoded again without the long rows, whose padding nobody should pay for.
            batch = self._encode(fitting, requests)
        group = EncodedGroup(
            places=fitting,
            seeds=tuple(requests[place].seed for place in fitting),
            inputs=self._for_transfer(batch.inputs),
        )
        return group, too_long

    def _encode(self, places: Sequence[int], requests: Sequence[DescribeRequest]) -> EncodedBatch:
        with self._encoding:
            return self._encoder.encode([requests[place] for place in places])

    def _for_transfer(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        # Pixels that a VQ tokenizer reads stay in its float32.
        floating = torch.float32 if self._loaded.family.float32_modules else self._loaded.dtype
        tensors = {
            name: value.to(floating) if value.is_floating_point() else value
            for name, value in inputs.items()
        }
        if self._loaded.device.type == "cuda":
            return {name: tensor.pin_memory() for name, tensor in tensors.items()}
        return tensors

    def _generate_group(
        self,
        group: EncodedGroup,
        examples: Sequence[tuple[str, ...]],
        settings: DecodingSettings,
    ) -> list[Description | RowError]:
        recorder = LogprobRecorder()
        processors = processors_for(recorder, self._fixed, settings, group.seeds)
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
        device, pinned = self._loaded.device, self._loaded.device.type == "cuda"
        with torch.inference_mode(), self._generating:
            sequences = generate(
                **{
                    name: value.to(device, non_blocking=pinned)
                    for name, value in group.inputs.items()
                },
                generation_config=config,
                logits_processor=processors,
            )
            tokens, logprobs = recorder.finish(sequences)
        return [self._description(*row) for row in zip(tokens, logprobs, examples, strict=True)]

    def _description(
        self, tokens: torch.Tensor, logprobs: torch.Tensor, examples: tuple[str, ...]
    ) -> Description | RowError:
        ends = torch.isin(tokens, self._ends).nonzero()
        stopped = len(ends) > 0
        count = int(ends[0]) + 1 if stopped else len(tokens)
        whole = self._tokenizer.decode(tokens[:count], skip_special_tokens=True).strip()
        text = without_thought(whole, begun=self._thinking_begun)
        if not text:
            return RowError(
                FailureKind.EMPTY_OUTPUT,
                f"The model only thought, with {count} tokens. Allow more new tokens."
                if whole
                else "The model generated no text for this row.",
            )
        mean_logprob = float(logprobs[:count].double().mean())
        if math.isnan(mean_logprob):
            return RowError(
                FailureKind.MODEL_ERROR,
                f"The model's numbers overflowed in {str(self._loaded.dtype).split('.')[1]}. "
                "Run it in float32.",
            )
        return Description(
            text=text,
            mean_logprob=mean_logprob,
            finish_reason="stop" if stopped else "length",
            token_count=count,
            examples=examples,
        )
