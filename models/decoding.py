"""Choosing tokens, and keeping their probabilities, inside ``generate``."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    ForcedBOSTokenLogitsProcessor,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    NoBadWordsLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from models.describing import DecodingSettings


class LogprobRecorder(LogitsProcessor):
    """Keeps the log-probability of each chosen token under the model's own distribution.

    Must come first among the processors, where the logits are still raw. A token is known only
    at the next call, so one step's distribution is held at a time, never all of them.
    """

    def __init__(self) -> None:
        self._chosen: list[torch.Tensor] = []
        self._logprobs: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Take a step's raw logits, shape (rows, vocabulary), and give them back unchanged."""
        self._take(input_ids)
        self._logprobs = torch.log_softmax(scores.float(), dim=-1)
        return scores

    def finish(self, sequences: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Close the books when ``generate`` is done.

        Args:
            sequences: what it returned, int64 of shape (rows, tokens).

        Returns:
            The generated tokens, int64, and their log-probabilities, float32, both of shape
            (rows, generated tokens), on the CPU.

        Raises:
            RuntimeError: the model's ``generate`` did not ask this processor.

        """
        self._take(sequences)
        if not self._chosen:
            raise RuntimeError("The model's generate() ignores logits processors.")
        logprobs = torch.stack(self._chosen, dim=1)
        return sequences[:, -logprobs.shape[1] :].cpu(), logprobs.cpu()

    def _take(self, sequences: torch.Tensor) -> None:
        if self._logprobs is not None:
            last = sequences[:, -1:]
            self._chosen.append(self._logprobs.gather(1, last).squeeze(1))
            self._logprobs = None


class RowSampler(LogitsProcessor):
    """Samples each row from a generator of its own, so that a batch's composition is no matter.

    Inverts the cumulative distribution: of a row's tokens it takes the first at which the sum of
    probabilities exceeds a uniform random number, and masks all others, so that greedy decoding
    takes it too. The numbers, one a row and step, come from the CPU, where they are the same
    whatever the model runs on; the rest is done where the logits are.
    """

    def __init__(self, seeds: Sequence[int], steps: int) -> None:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._uniforms = torch.stack(
            [torch.rand(steps, generator=one, dtype=torch.float64) for one in generators], dim=1
        ).unsqueeze(2)
        self._step = 0

    def __call__(self, _input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Mask all but one token a row in logits of shape (rows, vocabulary)."""
        chosen = torch.full_like(scores, float("-inf"))
        return chosen.scatter_(1, self.choose(scores).unsqueeze(1), 0.0)

    def choose(self, scores: torch.Tensor) -> torch.Tensor:
        """Take the next step's token of each row, int64 of shape (rows,)."""
        # In float64: in float32 the sum over a vocabulary passes unlikely tokens by. MPS has none.
        device = torch.device("cpu") if scores.device.type == "mps" else scores.device
        self._uniforms = self._uniforms.to(device)
        probabilities = scores.to(device).double().softmax(dim=-1)
        cumulative = probabilities.cumsum(dim=-1)
        targets = self._uniforms[self._step] * cumulative[:, -1:]
        self._step += 1
        tokens = torch.searchsorted(cumulative, targets, right=True)
        tokens.clamp_(max=scores.shape[1] - 1)
        # Rounding may end at a masked token, at the very end or where sums are made in parallel.
        masked = probabilities.gather(1, tokens) == 0
        tokens = torch.where(masked, probabilities.argmax(dim=-1, keepdim=True), tokens)
        return tokens.squeeze(1).to(scores.device)


def token_config(model: Any, tokenizer: Any) -> GenerationConfig:
    """The token ids of a checkpoint's generation config, and nothing else of it.

    Sampling, penalties and beams that a checkpoint brings along would change results unasked.
    """
    own = model.generation_config
    # BLIP-2 and its kin generate through their language model, which has a config of its own.
    inner = getattr(getattr(model, "language_model", None), "generation_config", None)

    def first(name: str) -> Any:
        for config in (own, inner, model.config.get_text_config(), tokenizer):
            value = getattr(config, name, None)
            if value is not None:
                return value
        return None

    eos = first("eos_token_id")
    ends = eos if isinstance(eos, list) else [] if eos is None else [eos]
    pad = first("pad_token_id")
    return GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=first("bos_token_id"),
        eos_token_id=ends or None,
        pad_token_id=pad if pad is not None else ends[0] if ends else 0,
        decoder_start_token_id=first("decoder_start_token_id"),
    )


def take_over_generation(model: Any, tokens: GenerationConfig) -> list[LogitsProcessor]:
    """Strip a model of its generation defaults, so that none leaks into a run.

    Returns:
        Processors for what the checkpoint says of single tokens: the one it must begin with, and
        those it must not say. They are run after the raw distribution was recorded.

    """
    own = model.generation_config
    for module in model.modules():
        if hasattr(module, "generation_config"):
            module.generation_config = tokens
    processors: list[LogitsProcessor] = []
    if getattr(own, "suppress_tokens", None):
        processors.append(SuppressTokensLogitsProcessor(own.suppress_tokens, device=model.device))
    if getattr(own, "bad_words_ids", None):
        processors.append(NoBadWordsLogitsProcessor(own.bad_words_ids, tokens.eos_token_id))
    if getattr(own, "forced_bos_token_id", None) is not None:
        processors.append(ForcedBOSTokenLogitsProcessor(own.forced_bos_token_id))
    return processors


def processors_for(
    recorder: LogprobRecorder,
    fixed: Sequence[LogitsProcessor],
    settings: DecodingSettings,
    seeds: Sequence[int],
) -> LogitsProcessorList:
    """The processors of one batch, in the order they must run."""
    processors = LogitsProcessorList([recorder, *fixed])
    if settings.temperature > 0:
        processors.append(TemperatureLogitsWarper(settings.temperature))
        if settings.top_p < 1:
            processors.append(TopPLogitsWarper(settings.top_p))
        processors.append(RowSampler(seeds, settings.max_new_tokens))
    return processors
